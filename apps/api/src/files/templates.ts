import { buffer } from "node:stream/consumers";
import { FileError } from "./errors.ts";
import { checkName, isName, quoted } from "./paths.ts";
import { checkSizes, DEFAULT_LIMITS, type Limits } from "./set.ts";
import { Trees } from "./trees.ts";

const NAMES_IN_ERROR = 10;

export interface TemplatesOptions extends Partial<Limits> {
  /** Each directory in it is a template, named as workspaces are. Without it there are none. */
  readonly directory?: string;
}

/**
 * Named sets of files to start a workspace from: `<directory>/<template>/<path>`, read anew on every call. Permission bits
 * and empty directories are not part of a template.
 */
export class Templates {
  readonly #trees: Trees | undefined;
  readonly #limits: Limits;

  constructor(options: TemplatesOptions) {
    this.#trees = options.directory === undefined ? undefined : new Trees(options.directory);
    this.#limits = { ...DEFAULT_LIMITS, ...options };
  }

  /** The names of all templates, sorted. */
  async names(): Promise<string[]> {
    const directories = (await this.#trees?.names()) ?? [];
    return directories.filter(isName).sort();
  }

  /**
   * A template's files, to hand to WorkspaceFiles.writeMany.
   * @throws FileError `invalid-path` · `not-found`, naming up to 10 there are · `not-a-file` when it holds a symlink, a
   *   pipe, or a name no path can say · `too-large`, `too-many-files`
   */
  async load(template: string): Promise<Record<string, Buffer>> {
    checkName("template", template);
    if (this.#trees === undefined || !(await this.#trees.exists(template))) throw await this.#unknown(template);
    const files = (await this.#trees.entries(template))
      .filter(({ stats }) => !stats.isDirectory())
      .map(({ names, path, stats }) => {
        if (path !== undefined && stats.isFile()) return { path, bytes: stats.size };
        const shown = quoted(names.join("/"));
        throw new FileError(
          "not-a-file",
          `template ${quoted(template)}: ${shown} is not a regular file with a valid path`,
        );
      });
    checkSizes(files, this.#limits);

    const contents: [string, Buffer][] = [];
    for (const { path } of files) {
      const { stream } = await this.#trees.read(template, path.split("/"));
      contents.push([path, await buffer(stream)]);
    }
    return Object.fromEntries(contents);
  }

  async #unknown(template: string): Promise<FileError> {
    const names = await this.names();
    const shown = names.slice(0, NAMES_IN_ERROR).join(", ");
    const more = names.length > NAMES_IN_ERROR ? ` and ${names.length - NAMES_IN_ERROR} more` : "";
    const available = names.length === 0 ? "there are none" : `there are ${shown}${more}`;
    return new FileError("not-found", `no template ${quoted(template)}: ${available}`);
  }
}
