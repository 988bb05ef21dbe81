import type { Language } from '../../shared/language';

const UNITS = { en: { minute: 'min', hour: 'h', day: 'd' }, de: { minute: 'Min.', hour: 'Std.', day: 'T.' } };

/** How long something took, in words that fit a table. */
export function durationText(milliseconds: number | null | undefined, language: Language): string {
  if (milliseconds === null || milliseconds === undefined) return '–';
  if (milliseconds < 1000) return `${Math.round(milliseconds)} ms`;
  const seconds = milliseconds / 1000;
  if (seconds < 59.5) {
    const digits = seconds < 9.95 ? 1 : 0;
    return `${seconds.toLocaleString(language, { minimumFractionDigits: digits, maximumFractionDigits: digits })} s`;
  }
  const { minute, hour, day } = UNITS[language];
  const whole = Math.round(seconds);
  const minutes = Math.floor(whole / 60);
  if (minutes < 60) return `${minutes} ${minute} ${whole % 60} s`;
  const hours = Math.floor(minutes / 60);
  if (hours < 48) return `${hours} ${hour} ${minutes % 60} ${minute}`;
  return `${Math.floor(hours / 24)} ${day} ${hours % 24} ${hour}`;
}

export const between = (from: string | null | undefined, to: string | null | undefined): number | null =>
  from && to ? Math.max(0, Date.parse(to) - Date.parse(from)) : null;
