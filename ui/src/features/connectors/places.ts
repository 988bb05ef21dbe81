/** Where in the wizard a problem of the document is mended: the part, and the place in it. No framework. */
import type { Diagnostic, OperationSummary } from '../../api/types';

export const PARTS = ['general', 'security', 'definition', 'test', 'code'] as const;
export type Part = (typeof PARTS)[number];

/** The field of the general part that shows a member of the document. */
export type GeneralField = 'name' | 'description' | 'scheme' | 'host' | 'base_path';

/** The section of the form of an operation. */
export type OperationSection = 'general' | 'request' | 'response' | 'config' | 'delete';

/** A section of an operation's form. */
export interface SectionPlace {
  section: OperationSection;
}

export type Place =
  | { part: 'general'; field: GeneralField }
  | { part: 'security' }
  | ({ part: 'definition'; operation: string } & SectionPlace)
  | { part: 'definition'; reference: string }
  | { part: 'code'; pointer: string };

const FIELDS: [pattern: RegExp, field: GeneralField][] = [
  [/^\/info\/description/, 'description'],
  [/^\/info/, 'name'],
  [/^\/schemes/, 'scheme'],
  [/^\/(host|servers)/, 'host'],
  [/^\/basePath/, 'base_path'],
];

const isBelow = (pointer: string, above: string) => pointer === above || pointer.startsWith(`${above}/`);

/** The section that shows what is at `rest`, a pointer below the operation. */
function sectionOf(rest: string): OperationSection {
  if (/^\/x-hookmill-registration/.test(rest)) return 'delete';
  if (/^\/(x-ms-notification-content|responses)/.test(rest)) return 'response';
  if (/^\/parameters/.test(rest)) return 'request';
  return 'general';
}

export function placeOf(problem: Pick<Diagnostic, 'pointer' | 'code'>, operations: Pick<OperationSummary, 'operation_id' | 'pointer'>[]): Place {
  const { pointer } = problem;
  for (const [pattern, field] of FIELDS) if (pattern.test(pointer)) return { part: 'general', field };
  if (/^\/(security|settings\/authentication)/.test(pointer)) return { part: 'security' };
  const reference = /^\/definitions\/([^/]+)/.exec(pointer)?.[1];
  if (reference) return { part: 'definition', reference: reference.replace(/~1/g, '/').replace(/~0/g, '~') };
  const own = operations.find((operation) => isBelow(pointer, operation.pointer));
  if (own) {
    const section = problem.code === 'callback_place_missing' ? 'config' : problem.code === 'notification_schema_missing' ? 'response' : sectionOf(pointer.slice(own.pointer.length));
    return { part: 'definition', operation: own.operation_id, section };
  }
  // What stands beside the verbs of a path belongs to each of its operations.
  const path = /^\/paths\/[^/]+/.exec(pointer)?.[0];
  const first = path === undefined ? undefined : operations.find((operation) => isBelow(operation.pointer, path));
  if (first && path !== undefined) return { part: 'definition', operation: first.operation_id, section: sectionOf(pointer.slice(path.length)) };
  return { part: 'code', pointer };
}

export interface Count {
  errors: number;
  warnings: number;
}

/** How many problems each part has. */
export function countsOf(diagnostics: Diagnostic[], operations: Pick<OperationSummary, 'operation_id' | 'pointer'>[]): Partial<Record<Part, Count>> {
  const counts: Partial<Record<Part, Count>> = {};
  for (const problem of diagnostics) {
    // Of a connector that is being made not all operations are known, but what is below its paths is of its definition.
    const part = problem.pointer.startsWith('/paths/') ? 'definition' : placeOf(problem, operations).part;
    const count = (counts[part] ??= { errors: 0, warnings: 0 });
    count[problem.severity === 'error' ? 'errors' : 'warnings'] += 1;
  }
  return counts;
}
