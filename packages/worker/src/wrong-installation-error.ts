/** The error of a worker that must not start: the installation in Redis is made for another kind of worker. */
export class WrongInstallationError extends Error {
  constructor(message: string) {
    super(message);
    this.name = "WrongInstallationError";
  }
}
