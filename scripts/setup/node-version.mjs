import { SetupError } from "./setup-error.mjs";

const LEAST = [20, 19];

export function checkNodeVersion() {
  const [major, minor] = process.versions.node.split(".").map(Number);
  if (major > LEAST[0] || (major === LEAST[0] && minor >= LEAST[1])) return;
  throw new SetupError(
    `Expected Node ${LEAST.join(".")} or newer, got ${process.versions.node}. Install a newer one, or try ` +
      "`npx -p node@24 node scripts/run.mjs …`.",
  );
}
