/** How a run ends, for scripts. docs/restartctl.md lists the same. */
export const EXIT = {
  ok: 0,
  /** Wrong arguments, or input the server does not take. */
  usage: 1,
  /** The coordinator says no, or what was waited for did not come off. */
  refused: 2,
  notFound: 3,
  /** No token, an unknown one, or one that may not. */
  auth: 4,
  /** The server cannot be reached, or cannot acknowledge anything now. */
  away: 5,
  /** An answer nobody foresaw. */
  unexpected: 6,
} as const;
export type ExitCode = (typeof EXIT)[keyof typeof EXIT];

const BY_STATUS: Readonly<Record<number, ExitCode>> = {
  400: EXIT.usage,
  401: EXIT.auth,
  403: EXIT.auth,
  404: EXIT.notFound,
  409: EXIT.refused,
  413: EXIT.usage,
  415: EXIT.usage,
  422: EXIT.refused,
  502: EXIT.away,
  503: EXIT.away,
  504: EXIT.away,
};

export function exitCodeOf(status: number): ExitCode {
  return BY_STATUS[status] ?? EXIT.unexpected;
}

/** Ends the run with a message for a person. */
export class Failure extends Error {
  readonly code: ExitCode;
  /** As the server told it, for programs. */
  readonly problem: unknown;

  constructor(code: ExitCode, message: string, problem?: unknown) {
    super(message);
    this.name = "Failure";
    this.code = code;
    this.problem = problem;
  }
}
