import type { z } from "zod";

/** One line that names every bad field: `spec.readiness.url: Invalid URL; spec.env.X: …`. */
export function explainIssues(of: string, error: z.ZodError): string {
  return error.issues.map((issue) => `${[of, ...issue.path.map(String)].join(".")}: ${issue.message}`).join("; ");
}
