import type { Provisioner, Workspace } from "../provisioner.ts";

/** Makes the provisioner as a new process would: called again after each death, over the same world. */
export type MakeIt = () => Provisioner | Promise<Provisioner>;

/** A judge looks at the world itself, not at what the provisioner says of it. */
export interface Judge {
  /** Gives a workspace of its own, which can be restarted and of which nothing runs. Asked for many times. */
  workspace(): Workspace | Promise<Workspace>;
  /** Names what runs of it now, whoever started it: a name for each instance, another one after a fresh start. */
  running(workspace: Workspace): readonly string[] | Promise<readonly string[]>;
}
