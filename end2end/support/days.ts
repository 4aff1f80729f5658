// Days of the calendar as `YYYY-MM-DD`, counted without a clock or a zone: the demo's data is relative to today in Paris,
// and no test may depend on the weekday on which it runs.

export type Day = string;
export type Language = 'fr' | 'en';

export enum Weekday {
  Monday = 1,
  Tuesday,
  Wednesday,
  Thursday,
  Friday,
  Saturday,
  Sunday,
}

export function today(zone = 'Europe/Paris'): Day {
  return new Intl.DateTimeFormat('sv-SE', { timeZone: zone, dateStyle: 'short' }).format(new Date());
}

export function plus(day: Day, days: number): Day {
  const date = noon(day);
  date.setUTCDate(date.getUTCDate() + days);
  return date.toISOString().slice(0, 10);
}

/** The first such weekday after the day. */
export function next(weekday: Weekday, after: Day = today()): Day {
  return plus(after, (weekday - weekdayOf(after) + 6) % 7 + 1);
}

/** The last such weekday before the day, or the day itself. */
export function last(weekday: Weekday, upTo: Day): Day {
  return plus(upTo, -((weekdayOf(upTo) - weekday + 7) % 7));
}

/** The Monday of the day's week. */
export function monday(day: Day): Day {
  return last(Weekday.Monday, day);
}

/** The last day that the 90 days ahead reach. */
export function horizonEnd(): Day {
  return plus(today(), 90);
}

/** `Mardi 13 janvier`, as the agenda heads a day; with the year when it is not this one. */
export function longDate(day: Day, language: Language = 'fr'): string {
  const part = (options: Intl.DateTimeFormatOptions) =>
    new Intl.DateTimeFormat(language === 'fr' ? 'fr-FR' : 'en-GB', { ...options, timeZone: 'UTC' }).format(noon(day));
  const weekday = part({ weekday: 'long' });
  const number = noon(day).getUTCDate();
  const ordinal = language === 'fr' && number === 1 ? '1er' : String(number);
  const year = day.slice(0, 4) === today().slice(0, 4) ? '' : ` ${day.slice(0, 4)}`;
  return `${weekday.charAt(0).toUpperCase()}${weekday.slice(1)} ${ordinal} ${part({ month: 'long' })}${year}`;
}

function weekdayOf(day: Day): Weekday {
  return noon(day).getUTCDay() || Weekday.Sunday;
}

function noon(day: Day): Date {
  return new Date(`${day}T12:00:00Z`);
}
