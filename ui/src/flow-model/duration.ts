/** ISO 8601 durations: `PT1H30M`, `P1D`. Months count 30 days and years 365, as at the server. */
import { DURATION_SECONDS } from './language';

export const UNITS = ['second', 'minute', 'hour', 'day', 'week'] as const;
export type Unit = (typeof UNITS)[number];

const SECONDS: { [unit in Unit]: number } = { second: 1, minute: 60, hour: 3_600, day: 86_400, week: 604_800 };
const FORM = /^P(?=.)(?:(\d+(?:[.,]\d+)?)Y)?(?:(\d+(?:[.,]\d+)?)M)?(?:(\d+(?:[.,]\d+)?)W)?(?:(\d+(?:[.,]\d+)?)D)?(?:T(?=.)(?:(\d+(?:[.,]\d+)?)H)?(?:(\d+(?:[.,]\d+)?)M)?(?:(\d+(?:[.,]\d+)?)S)?)?$/i;
/** The parts that the form above reads, from years on. */
const PARTS = DURATION_SECONDS;

/** Null where the text is no duration. */
export function secondsOf(text: string): number | null {
  const match = FORM.exec(text.trim());
  return match ? PARTS.reduce((sum, seconds, index) => sum + seconds * Number((match[index + 1] ?? '0').replace(',', '.')), 0) : null;
}

/** A whole number of one unit, when the duration is written so. */
export function simpleOf(text: string): { count: number; unit: Unit } | null {
  const match = /^P(?:(\d+)(W|D)|T(\d+)(H|M|S))$/i.exec(text.trim());
  if (!match) return null;
  const units: { [letter: string]: Unit } = { W: 'week', D: 'day', H: 'hour', M: 'minute', S: 'second' };
  const unit = units[(match[2] ?? match[4] ?? '').toUpperCase()];
  return unit ? { count: Number(match[1] ?? match[3]), unit } : null;
}

export const durationOf = (count: number, unit: Unit): string =>
  unit === 'week' ? `P${count}W` : unit === 'day' ? `P${count}D` : `PT${count}${unit === 'hour' ? 'H' : unit === 'minute' ? 'M' : 'S'}`;

/** "1 day, 2 hours" in a language. */
export function durationInWords(text: string, language: string): string {
  const total = secondsOf(text);
  if (total === null) return '';
  let rest = total;
  const said: string[] = [];
  for (const unit of ['day', 'hour', 'minute', 'second'] as const) {
    const count = unit === 'second' ? Math.round(rest * 1000) / 1000 : Math.floor(rest / SECONDS[unit]);
    if (count > 0) said.push(new Intl.NumberFormat(language, { style: 'unit', unit, unitDisplay: 'long' }).format(count));
    rest -= count * SECONDS[unit];
  }
  return said.join(', ') || new Intl.NumberFormat(language, { style: 'unit', unit: 'second', unitDisplay: 'long' }).format(0);
}
