/** The rules of the workflow language. The tables are written by the server's own crates, so that both sides read definitions alike. */
import tables from './language.generated.json';

/** What a field of a step holds. */
export interface LanguageField {
  /** Member names from the step down. */
  path: readonly string[];
  kind: string;
  required: boolean;
  options?: readonly string[];
  /** Further spellings of the last member. */
  aliases?: readonly string[];
}

export interface LanguageBranch {
  kind: string;
  /** Member names from the step down; `*` stands for the name of each case. */
  path: readonly string[];
}

export interface LanguageStep {
  type: string;
  aliases: readonly string[];
  fields: readonly LanguageField[];
  branches: readonly LanguageBranch[];
  kinds: readonly { kind: string; fields: readonly LanguageField[] }[];
}

/** The types that the engine runs. */
export const TRIGGER_TYPES: readonly LanguageStep[] = tables.triggers;
export const ACTION_TYPES: readonly LanguageStep[] = tables.actions;

const spellings = new Map<string, string>();
for (const step of [...ACTION_TYPES, ...TRIGGER_TYPES]) for (const name of [step.type, ...step.aliases]) if (!spellings.has(name.toLowerCase())) spellings.set(name.toLowerCase(), step.type);

/** A type as the tables spell it; types are equal in any case. One that is not known stays as it is. */
export const typeNamed = (name: string): string => spellings.get(name.toLowerCase()) ?? name;

const actionTypes = new Map(ACTION_TYPES.map((step) => [step.type, step]));
export const actionType = (type: string): LanguageStep | undefined => actionTypes.get(type);

/** Names are equal ignoring case, and a blank equals an underscore. */
export const nameKey = (name: string): string => name.toLowerCase().replace(/_/g, ' ');
export const isSameName = (one: string, other: string): boolean => nameKey(one) === nameKey(other);

/** Functions whose first argument is the name of an action, whatever they want to know of it. */
export const NAMING_FUNCTIONS: readonly string[] = tables.naming.filter(({ names }) => ['action', 'result', 'loop'].includes(names)).map((row) => row.function);

export const NAME_CHARS_MAX: number = tables.names.charsMax;
export const STATUSES: readonly string[] = tables.statuses;
export const VARIABLE_TYPES: readonly string[] = tables.variables.types;
/** For each action that changes a variable, the types that it can change. */
export const VARIABLE_CHANGES: { readonly [action: string]: readonly string[] } = tables.variables.changes;
export const RETRY_COUNTS: { readonly min: number; readonly max: number } = { min: tables.retry.countMin, max: tables.retry.countMax };
export const RETRY_INTERVALS: readonly [min: string, max: string] = [tables.retry.intervalMin, tables.retry.intervalMax];
export const FREQUENCIES: readonly { name: string; intervalMax: number; schedule: readonly string[] }[] = tables.recurrence.frequencies;
export const WEEK_DAYS: readonly string[] = tables.recurrence.weekDays;
/** Seconds of each unit of a duration, from years to seconds. */
export const DURATION_SECONDS: readonly number[] = [...tables.durations.days, ...tables.durations.time].map((unit) => unit.seconds);
