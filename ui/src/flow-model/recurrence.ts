/** A timetable as its form reads it: which members fit its unit, and lists that the service writes in several ways. */
import { isObject, type Json, type JsonObject } from './definition';
import { FREQUENCIES as UNITS, WEEK_DAYS } from './language';

export { WEEK_DAYS };

export const FREQUENCIES: readonly string[] = UNITS.map((unit) => unit.name);
export type Frequency = string;

export type ScheduleMember = 'hours' | 'minutes' | 'weekDays' | 'monthDays';
/** In the order of the form: days before times of day. */
const MEMBERS: readonly ScheduleMember[] = ['weekDays', 'monthDays', 'hours', 'minutes'];
/** The largest interval of each unit. */
export const INTERVAL_MAX: { readonly [frequency: string]: number } = Object.fromEntries(UNITS.map((unit) => [unit.name, unit.intervalMax]));

/** Any case; null for what is no unit, such as an expression. */
export const frequencyOf = (value: Json | undefined): Frequency | null => FREQUENCIES.find((name) => typeof value === 'string' && name.toLowerCase() === value.toLowerCase()) ?? null;

export const membersFor = (frequency: Frequency | null): readonly ScheduleMember[] => MEMBERS.filter((member) => UNITS.some((unit) => unit.name === frequency && unit.schedule.includes(member)));

const listOf = (value: Json | undefined): Json[] => (Array.isArray(value) ? value : value === undefined || value === null ? [] : [value]);

/** A list, a single value, numbers as text: all are written by somebody. */
export const numbersOf = (recurrence: JsonObject, member: ScheduleMember): number[] =>
  listOf(isObject(recurrence['schedule']) ? recurrence['schedule'][member] : undefined).map(Number).filter((number) => Number.isInteger(number));

export const weekDaysOf = (recurrence: JsonObject): string[] => {
  const named = listOf(isObject(recurrence['schedule']) ? recurrence['schedule']['weekDays'] : undefined).map((day) => String(day).toLowerCase());
  return WEEK_DAYS.filter((day) => named.includes(day.toLowerCase()));
};

/** Empty lists are left out, and a schedule without any. */
export function withSchedule(recurrence: JsonObject, member: ScheduleMember, value: Json[]): JsonObject {
  const { schedule: before, ...rest } = recurrence;
  const { [member]: _, ...others } = isObject(before) ? before : {};
  const schedule = value.length > 0 ? { ...others, [member]: value } : others;
  return Object.keys(schedule).length > 0 ? { ...rest, schedule } : rest;
}

/** Another unit takes along only what means something for it. */
export function withFrequency(recurrence: JsonObject, frequency: Frequency): JsonObject {
  const { schedule: before, ...rest } = recurrence;
  const fits = new Set(UNITS.find((unit) => unit.name === frequency)?.schedule);
  const kept = Object.entries(isObject(before) ? before : {}).filter(([member]) => fits.has(member));
  return { ...rest, frequency, ...(kept.length > 0 ? { schedule: Object.fromEntries(kept) } : {}) };
}

/** Where a time zone is named, a start is the time on its clocks; without one it is UTC. */
export function withStart(recurrence: JsonObject, clock: string, timeZone: string | undefined): JsonObject {
  const { startTime: _, timeZone: __, ...rest } = recurrence;
  const full = clock.length === 16 ? `${clock}:00` : clock;
  return { ...rest, ...(clock ? { startTime: timeZone ? full : `${full}Z` } : {}), ...(timeZone ? { timeZone } : {}) };
}

/** The start as a date and time on a clock; null where it was written with an offset or an expression, which the form would lose. */
export function clockOf(recurrence: JsonObject): string | null {
  const { startTime, timeZone } = recurrence;
  if (startTime === undefined || startTime === '') return '';
  const match = typeof startTime === 'string' ? /^(\d{4}-\d\d-\d\dT\d\d:\d\d(?::\d\d)?)(?:\.0+)?(Z?)$/.exec(startTime) : null;
  return match && (match[2] === 'Z') === !timeZone ? (match[1] ?? '') : null;
}

/** Whether the form shows all of it: other members are left to the JSON. */
export function fitsForm(value: Json | undefined): value is JsonObject {
  if (!isObject(value) || frequencyOf(value['frequency']) === null) return false;
  if (value['interval'] !== undefined && typeof value['interval'] !== 'number') return false;
  const { schedule } = value;
  return schedule === undefined || (isObject(schedule) && Object.keys(schedule).every((member) => ['hours', 'minutes', 'weekDays', 'monthDays'].includes(member)));
}

/** Whole numbers out of "0, 15 30"; null when something else is among them. */
export function parseNumbers(text: string, from: number, to: number): number[] | null {
  const parts = text.split(/[\s,;]+/).filter(Boolean);
  const numbers = parts.map(Number);
  return numbers.every((number) => Number.isInteger(number) && number >= from && number <= to) ? [...new Set(numbers)].sort((a, b) => a - b) : null;
}
