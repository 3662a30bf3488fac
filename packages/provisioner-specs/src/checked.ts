import type { z } from "zod";

/** What came of a check: the spec with every default filled in, or all that is wrong with it. */
export type Checked<Spec> =
  | { readonly ok: true; readonly spec: Spec }
  | { readonly ok: false; readonly problems: readonly SpecProblem[] };

export interface SpecProblem {
  /** Where, from the top: `spec.readiness.url`. */
  readonly field: string;
  readonly message: string;
}

export function problemsOf(of: string, error: z.ZodError): SpecProblem[] {
  return error.issues.flatMap((issue) => {
    const at = [of, ...issue.path.map(String)];
    if (issue.code !== "unrecognized_keys") return [{ field: at.join("."), message: issue.message }];
    return issue.keys.map((key) => ({ field: [...at, key].join("."), message: "unknown field" }));
  });
}

/** One line that names every bad field: `spec.readiness.url: Invalid URL; spec.env.X: …`. */
export function explain(problems: readonly SpecProblem[]): string {
  return problems.map(({ field, message }) => `${field}: ${message}`).join("; ");
}
