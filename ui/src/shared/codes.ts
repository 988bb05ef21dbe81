/** What the server says by its codes, in the language of the reader, with its own wording beside it where that is another. */
import type { Diagnostic } from '../api/types';
import { CHECK_HINTS, CHECKS, FINDINGS, PROBLEMS, REASONS, REASONS_BY_STATUS } from './codes-text';
import type { Language } from './language';

export interface Said {
  message: string;
  hint: string | null;
  /** What the server wrote, where the message is not that. */
  wording: string | null;
}

const joined = (...parts: (string | null | undefined)[]): string => parts.filter(Boolean).join(' ');

/** The names and values that a sentence of the server quotes. */
const quoted = (text: string): string[] => [...new Set([...text.matchAll(/'([^'\n]{1,80})'/g)].map((match) => match[1] ?? ''))];

/** A finding. Names that it quotes stand behind it in every language. */
export function findingInWords(finding: Pick<Diagnostic, 'code' | 'message'> & { hint?: string | null }, language: Language): Said {
  const known = language === 'en' ? undefined : FINDINGS[finding.code];
  if (!known) return { message: finding.message, hint: finding.hint ?? null, wording: null };
  const names = quoted(finding.message);
  const message = names.length > 0 ? `${known.replace(/\.$/, '')}: ${names.map((name) => `„${name}“`).join(', ')}.` : known;
  return { message, hint: null, wording: joined(finding.message, finding.hint) };
}

/** A problem: an answer of the server that is no success. */
export function problemInWords(problem: { code: string; detail?: string | null; title?: string | null; hint?: string | null }, language: Language): Said {
  const own = problem.detail ?? problem.title ?? '';
  const known = language === 'en' ? undefined : PROBLEMS[problem.code];
  return known ? { message: known, hint: null, wording: joined(own, problem.hint) || null } : { message: own, hint: problem.hint ?? null, wording: null };
}

/** Why a call was not taken; `status` is what it was answered. */
export function reasonInWords(reason: string, status: number | null, language: Language): string {
  return language === 'en' ? reason : (REASONS[reason] ?? REASONS_BY_STATUS[status ?? 0] ?? reason);
}

/** What was found about the public address. */
export function checkInWords(check: { code: string; values: string[]; detail: string }, language: Language): string {
  return language === 'en' ? check.detail : (CHECKS[check.code]?.(...check.values) ?? check.detail);
}

/** What to try after it: the last check decides. */
export function checkHintInWords(hint: string, checks: readonly { code: string }[], language: Language): string {
  return language === 'en' ? hint : (CHECK_HINTS[checks.at(-1)?.code ?? ''] ?? hint);
}
