/** The times of a day at which a cron expression comes, on the days on which it does: ms after midnight. */
import { CronPattern } from "croner";

export class TimesOfDay {
  readonly #hours: readonly number[];
  readonly #minutes: readonly number[];
  readonly #seconds: readonly number[];

  /** @throws Error that says what is wrong with the expression */
  constructor(expression: string) {
    const { hour, minute, second } = new CronPattern(expression);
    this.#hours = named(hour);
    this.#minutes = named(minute);
    this.#seconds = named(second);
  }

  get first(): number {
    return timeOf(this.#hours[0], this.#minutes[0], this.#seconds[0]);
  }

  get last(): number {
    return timeOf(this.#hours.at(-1), this.#minutes.at(-1), this.#seconds.at(-1));
  }

  /** The first after that one. */
  next(afterMs: number): number | undefined {
    const [hour, minute, second] = partsOf(Math.floor(afterMs / 1_000));
    const [hours, minutes, seconds] = [this.#hours, this.#minutes, this.#seconds];
    const isHour = hours.includes(hour);
    const laterSecond = isHour && minutes.includes(minute) ? seconds.find((one) => one > second) : undefined;
    if (laterSecond !== undefined) return timeOf(hour, minute, laterSecond);
    const laterMinute = isHour ? minutes.find((one) => one > minute) : undefined;
    if (laterMinute !== undefined) return timeOf(hour, laterMinute, seconds[0]);
    const laterHour = hours.find((one) => one > hour);
    return laterHour === undefined ? undefined : timeOf(laterHour, minutes[0], seconds[0]);
  }

  /** The last that is not after that one. */
  previous(upToMs: number): number | undefined {
    const [hour, minute, second] = partsOf(Math.floor(upToMs / 1_000));
    const [hours, minutes, seconds] = [this.#hours, this.#minutes, this.#seconds];
    const isHour = hours.includes(hour);
    const sameOrEarlier = isHour && minutes.includes(minute) ? seconds.findLast((one) => one <= second) : undefined;
    if (sameOrEarlier !== undefined) return timeOf(hour, minute, sameOrEarlier);
    const earlierMinute = isHour ? minutes.findLast((one) => one < minute) : undefined;
    if (earlierMinute !== undefined) return timeOf(hour, earlierMinute, seconds.at(-1));
    const earlierHour = hours.findLast((one) => one < hour);
    return earlierHour === undefined ? undefined : timeOf(earlierHour, minutes.at(-1), seconds.at(-1));
  }
}

/** The library has a list with 0 or 1 for each number. */
function named(flags: readonly number[]): number[] {
  return flags.flatMap((flag, number) => (flag === 1 ? [number] : []));
}

function partsOf(seconds: number): [hour: number, minute: number, second: number] {
  return [Math.floor(seconds / 3_600), Math.floor(seconds / 60) % 60, seconds % 60];
}

function timeOf(hour = 0, minute = 0, second = 0): number {
  return ((hour * 60 + minute) * 60 + second) * 1_000;
}
