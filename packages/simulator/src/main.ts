import { simulateCommand } from "./command.ts";

await simulateCommand().parseAsync();
