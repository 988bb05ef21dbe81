/** Policies of a connector: entries of `policyTemplateInstances` ↔ what a form asks. No framework. */
import type { Json, JsonObject } from '../../api/types';

const PARAMETER = 'x-ms-apimTemplateParameter.';
const SECTION = 'x-ms-apimTemplate-policySection';
const OPERATIONS = 'x-ms-apimTemplate-operationName';

/** The templates that have a form, as the file names them. */
export type PolicyTemplate = 'setheader' | 'setqueryparameter';

/** The templates that have a form, with their identifier in the file. */
export const TEMPLATES: Record<PolicyTemplate, string> = { setheader: 'setheader', setqueryparameter: 'setqueryparameter' };

export interface PolicyForm {
  template: PolicyTemplate;
  title: string;
  name: string;
  value: string;
  /** What happens where the request has it already. */
  exists: 'override' | 'append' | 'skip';
  section: 'Request' | 'Response';
  /** Operation ids; none for all. */
  operations: string[];
}

const EXISTS = ['override', 'append', 'skip'] as const;

export const emptyPolicy = (): PolicyForm => ({ template: 'setheader', title: '', name: '', value: '', exists: 'override', section: 'Request', operations: [] });

const textOf = (value: Json | undefined): string => (typeof value === 'string' ? value : '');
const parametersOf = (instance: JsonObject): JsonObject => {
  const held = instance['parameters'];
  return held && typeof held === 'object' && !Array.isArray(held) ? held : {};
};

export const titleOfPolicy = (instance: JsonObject): string => textOf(instance['title']) || textOf(instance['templateId']);

/** The template of an entry, where it is one that can be edited here. */
export function templateOfPolicy(instance: JsonObject): PolicyTemplate | null {
  const named = textOf(instance['templateId']).toLowerCase();
  return named in TEMPLATES ? (named as PolicyTemplate) : null;
}

/** The form of an entry; null where its template has none. */
export function policyFormOf(instance: JsonObject): PolicyForm | null {
  const template = templateOfPolicy(instance);
  if (!template) return null;
  const parameters = parametersOf(instance);
  const named = parameters[OPERATIONS];
  return {
    template,
    title: textOf(instance['title']),
    name: textOf(parameters[`${PARAMETER}name`]),
    value: textOf(parameters[`${PARAMETER}value`]),
    exists: EXISTS.find((one) => one === textOf(parameters[`${PARAMETER}existsAction`]).toLowerCase()) ?? 'override',
    section: textOf(parameters[SECTION]).toLowerCase() === 'response' ? 'Response' : 'Request',
    operations: Array.isArray(named) ? named.filter((item): item is string => typeof item === 'string') : textOf(named) ? [textOf(named)] : [],
  };
}

/** The entry of the file; what the form does not know of the entry before stays. */
export function instanceOf(form: PolicyForm, before: JsonObject | null): JsonObject {
  const { [OPERATIONS]: _, ...kept } = before ? parametersOf(before) : {};
  const sameTemplate = before !== null && templateOfPolicy(before) === form.template;
  return {
    ...before,
    templateId: sameTemplate ? (before['templateId'] ?? '') : TEMPLATES[form.template],
    title: form.title.trim(),
    parameters: {
      ...kept,
      [`${PARAMETER}name`]: form.name.trim(),
      [`${PARAMETER}value`]: form.value,
      [`${PARAMETER}existsAction`]: form.exists,
      [SECTION]: form.section,
      ...(form.operations.length ? { [OPERATIONS]: form.operations } : {}),
    },
  };
}

export type PolicyProblem = 'needPolicyTitle' | 'needPolicyName' | 'needPolicyValue';

export function problemsOfPolicy(form: PolicyForm): PolicyProblem[] {
  const problems: PolicyProblem[] = [];
  if (!form.title.trim()) problems.push('needPolicyTitle');
  if (!form.name.trim()) problems.push('needPolicyName');
  if (!form.value) problems.push('needPolicyValue');
  return problems;
}
