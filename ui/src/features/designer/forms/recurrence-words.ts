/** A timetable as a sentence: "Every 2 weeks on Monday and Friday at 09:00 and 17:00". */
import { frequencyOf, numbersOf, weekDaysOf, WEEK_DAYS, type Frequency } from '../../../flow-model/recurrence';
import type { JsonObject } from '../../../flow-model/definition';
import type { Language } from '../../../shared/language';

/** 1 January 2024 was a Monday. */
export const dayName = (day: string, language: Language, weekday: 'long' | 'short' = 'long'): string =>
  new Intl.DateTimeFormat(language, { weekday, timeZone: 'UTC' }).format(Date.UTC(2024, 0, 1 + WEEK_DAYS.indexOf(day as (typeof WEEK_DAYS)[number])));

const list = (items: string[], language: Language) => new Intl.ListFormat(language, { type: 'conjunction' }).format(items);
const two = (number: number) => String(number).padStart(2, '0');

const EVERY: { [language in Language]: { [frequency in Frequency]: [one: string, many: (count: number) => string] } } = {
  en: {
    Second: ['Every second', (n) => `Every ${n} seconds`], Minute: ['Every minute', (n) => `Every ${n} minutes`], Hour: ['Every hour', (n) => `Every ${n} hours`],
    Day: ['Every day', (n) => `Every ${n} days`], Week: ['Every week', (n) => `Every ${n} weeks`], Month: ['Every month', (n) => `Every ${n} months`], Year: ['Every year', (n) => `Every ${n} years`],
  },
  de: {
    Second: ['Jede Sekunde', (n) => `Alle ${n} Sekunden`], Minute: ['Jede Minute', (n) => `Alle ${n} Minuten`], Hour: ['Jede Stunde', (n) => `Alle ${n} Stunden`],
    Day: ['Jeden Tag', (n) => `Alle ${n} Tage`], Week: ['Jede Woche', (n) => `Alle ${n} Wochen`], Month: ['Jeden Monat', (n) => `Alle ${n} Monate`], Year: ['Jedes Jahr', (n) => `Alle ${n} Jahre`],
  },
};
const WORDS = {
  en: { on: 'on', onDay: 'on day', at: 'at', minutes: (text: string) => `at minute ${text}`, last: 'the last day', fromEnd: (n: number) => `the ${n}. day from the end`, from: 'from', zone: 'by the clocks of' },
  de: { on: 'am', onDay: 'am', at: 'um', minutes: (text: string) => `zur Minute ${text}`, last: 'letzten Tag', fromEnd: (n: number) => `${n}. Tag vor dem Ende`, from: 'ab', zone: 'nach den Uhren von' },
} as const;

/** Empty for what is no timetable yet. `zoneTitle` is how people call its time zone. */
export function recurrenceInWords(recurrence: JsonObject, language: Language, zoneTitle: string | undefined): string {
  const frequency = frequencyOf(recurrence['frequency']);
  const interval = typeof recurrence['interval'] === 'number' ? recurrence['interval'] : 1;
  if (!frequency || interval < 1) return '';
  const words = WORDS[language];
  const every = EVERY[language][frequency];
  if (!every) return '';
  const [one, many] = every;
  const said = [interval === 1 ? one : many(interval)];
  const days = weekDaysOf(recurrence);
  if (days.length > 0) said.push(`${words.on} ${list(days.map((day) => dayName(day, language)), language)}`);
  const monthDays = numbersOf(recurrence, 'monthDays');
  const named = (day: number) => (day === -1 ? words.last : day < 0 ? words.fromEnd(-day) : language === 'de' ? `${day}.` : String(day));
  if (monthDays.length > 0) said.push(`${monthDays.every((day) => day < 0) ? words.on : words.onDay} ${list(monthDays.map(named), language)}`);
  const hours = numbersOf(recurrence, 'hours').sort((a, b) => a - b);
  const minutes = numbersOf(recurrence, 'minutes').sort((a, b) => a - b);
  if (hours.length > 0) {
    // Without minutes those of the start count, which the next times show.
    const clocks = minutes.length > 0 ? hours.flatMap((hour) => minutes.map((minute) => `${two(hour)}:${two(minute)}`)) : hours.map((hour) => `${two(hour)}:…`);
    said.push(`${words.at} ${list(clocks, language)}`);
  } else if (minutes.length > 0) said.push(words.minutes(list(minutes.map(String), language)));
  const { startTime, timeZone } = recurrence;
  if (typeof startTime === 'string' && startTime) said.push(`${words.from} ${startTime.replace('T', ' ').replace(/:00(?=Z?$)/, '').replace('Z', ' UTC')}`);
  if (typeof timeZone === 'string' && timeZone) said.push(`${words.zone} ${zoneTitle ?? timeZone}`);
  return said.join(' ');
}
