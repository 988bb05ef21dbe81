/** Policies of a connector: entries of `policyTemplateInstances` ↔ what a form asks. No framework. */
import type { Json, JsonObject } from '../../api/types';

const PARAMETER = 'x-ms-apimTemplateParameter.';
const SECTION = 'x-ms-apimTemplate-policySection';
const OPERATIONS = 'x-ms-apimTemplate-operationName';
/** The word by which the file says that the method of the request stays. */
export const SAME_METHOD = '@Request.OriginalHTTPMethod';

/** How a parameter is entered. A choice has the values that the file writes; `json` is an object. */
export type PolicyInput = 'text' | 'exists' | 'method' | 'flag' | 'json';

export interface PolicyParameter {
  /** Its name in the file, without the prefix. */
  name: string;
  input: PolicyInput;
  required: boolean;
  /** The value where the file says none. */
  usual: string;
}

const text = (name: string): PolicyParameter => ({ name, input: 'text', required: true, usual: '' });
const optional = (name: string): PolicyParameter => ({ name, input: 'text', required: false, usual: '' });
const flag = (name: string, usual: boolean): PolicyParameter => ({ name, input: 'flag', required: false, usual: String(usual) });
const exists: PolicyParameter = { name: 'existsAction', input: 'exists', required: false, usual: 'override' };
const method = (usual: string): PolicyParameter => ({ name: 'httpMethod', input: 'method', required: false, usual });

/** Every template that runs here: its parameters in the order of the form, and whether it can be for answers too. */
export const TEMPLATES = {
  setheader: { parameters: [text('name'), text('value'), exists], onAnswers: true },
  setqueryparameter: { parameters: [text('name'), text('value'), exists], onAnswers: false },
  dynamichosturl: { parameters: [text('urlTemplate')], onAnswers: false },
  dynamicsubdomain: { parameters: [text('urlTemplate')], onAnswers: false },
  routerequesttoendpoint: { parameters: [text('newPath'), method(SAME_METHOD)], onAnswers: false },
  setvaluefromurl: { parameters: [text('parameterTemplate'), method('GET'), text('parameterValueUrl'), text('parameterValuePathTemplate')], onAnswers: false },
  setproperty: { parameters: [text('newPropertyParentPathTemplate'), optional('newPropertySubPathTemplate'), text('propertyValuePathTemplate')], onAnswers: true },
  convertarraytoobject: { parameters: [text('propertyParentPath'), optional('propertySubPath'), text('keyWithinCollectionPath'), text('newPropertyPath'), flag('retainKey', true)], onAnswers: true },
  convertobjecttoarray: { parameters: [text('propertyParentPath'), optional('propertySubPath'), text('newPropertyPath'), text('keyName'), text('valueName')], onAnswers: true },
  stringtoarray: { parameters: [text('propertyParentPath'), optional('propertySubPath'), text('delimiterList'), text('childPropertyName'), text('newPropertyPath')], onAnswers: true },
  stringreplace: { parameters: [text('propertyParentPath'), optional('propertySubPath'), text('sourceString'), optional('replacementString'), text('newPropertyPath')], onAnswers: true },
  encodepropertyvalue: { parameters: [text('propertyParentPath'), optional('propertySubPath'), text('newPropertyPath')], onAnswers: true },
  moveproperties: { parameters: [text('srcParentPath'), optional('srcSubPath'), text('dstParentPath'), optional('dstSubPath'), flag('copyOnlySubProperties', false)], onAnswers: true },
  updatenextlink: { parameters: [text('nextLinkPropertyName')], onAnswers: false },
  setconnectionstatustounauthenticated: { parameters: [text('statusCode')], onAnswers: false },
  pollingtrigger: { parameters: [{ name: 'triggerConfig', input: 'json', required: true, usual: '{}' }, text('triggerDataPath')], onAnswers: false },
} satisfies Record<string, { parameters: PolicyParameter[]; onAnswers: boolean }>;

/** The templates that have a form, as the file names them in small letters. */
export type PolicyTemplate = keyof typeof TEMPLATES;

export interface PolicyForm {
  template: PolicyTemplate;
  title: string;
  /** Values of the template's parameters as they are typed. */
  values: Record<string, string>;
  section: 'Request' | 'Response' | 'Failure';
  /** Operation ids; none for all. */
  operations: string[];
}

export const parametersOfTemplate = (template: PolicyTemplate): PolicyParameter[] => TEMPLATES[template].parameters;

const usualValues = (template: PolicyTemplate): Record<string, string> => Object.fromEntries(parametersOfTemplate(template).map((own) => [own.name, own.usual]));

export const emptyPolicy = (): PolicyForm => ({ template: 'setheader', title: '', values: usualValues('setheader'), section: 'Request', operations: [] });

/** The form with another template; parameters that both have keep their values. */
export function withTemplate(form: PolicyForm, template: PolicyTemplate): PolicyForm {
  const usual = usualValues(template);
  const kept = Object.fromEntries(Object.keys(usual).filter((name) => form.values[name]).map((name) => [name, form.values[name] as string]));
  return { ...form, template, values: { ...usual, ...kept }, section: TEMPLATES[template].onAnswers ? form.section : 'Request' };
}

const textOf = (value: Json | undefined): string => (typeof value === 'string' ? value : '');
/** A value of the file as it is typed; other than text it is JSON. */
const typedOf = (value: Json | undefined): string => (value === undefined || value === null ? '' : typeof value === 'string' ? value : JSON.stringify(value, null, 2));
const membersOf = (instance: JsonObject): JsonObject => {
  const held = instance['parameters'];
  return held && typeof held === 'object' && !Array.isArray(held) ? held : {};
};

export const titleOfPolicy = (instance: JsonObject): string => textOf(instance['title']) || textOf(instance['templateId']);

/** The template of an entry, where it is one that can be edited here. */
export function templateOfPolicy(instance: JsonObject): PolicyTemplate | null {
  const named = textOf(instance['templateId']).toLowerCase();
  return Object.hasOwn(TEMPLATES, named) ? (named as PolicyTemplate) : null;
}

/** The form of an entry; null where its template is not known. */
export function policyFormOf(instance: JsonObject): PolicyForm | null {
  const template = templateOfPolicy(instance);
  if (!template) return null;
  const members = membersOf(instance);
  const named = members[OPERATIONS];
  const section = textOf(members[SECTION]).toLowerCase();
  const valueOf = (own: PolicyParameter): string => {
    const typed = typedOf(members[`${PARAMETER}${own.name}`]);
    return (own.input === 'exists' || own.input === 'flag' ? typed.toLowerCase() : typed) || own.usual;
  };
  return {
    template,
    title: textOf(instance['title']),
    values: Object.fromEntries(parametersOfTemplate(template).map((own) => [own.name, valueOf(own)])),
    section: section === 'response' ? 'Response' : section === 'failure' ? 'Failure' : 'Request',
    operations: Array.isArray(named) ? named.filter((item): item is string => typeof item === 'string') : textOf(named) ? [textOf(named)] : [],
  };
}

/** The object that a text holds; undefined where it holds none. */
function objectOf(typed: string): JsonObject | undefined {
  try {
    const value = JSON.parse(typed) as Json;
    return value !== null && typeof value === 'object' && !Array.isArray(value) ? value : undefined;
  } catch {
    return undefined;
  }
}

/** The entry of the file; what the form does not know of the entry before stays. */
export function instanceOf(form: PolicyForm, before: JsonObject | null): JsonObject {
  const held = before ? membersOf(before) : {};
  const templateBefore = before && templateOfPolicy(before);
  const sameTemplate = templateBefore === form.template;
  const own = parametersOfTemplate(form.template);
  const replaced = new Set([OPERATIONS, SECTION, ...[...own, ...(templateBefore ? parametersOfTemplate(templateBefore) : [])].map((parameter) => `${PARAMETER}${parameter.name}`)]);
  const kept = Object.fromEntries(Object.entries(held).filter(([name]) => !replaced.has(name)));
  const written: JsonObject = {};
  for (const { name, input, required } of own) {
    const key = `${PARAMETER}${name}`;
    const typed = form.values[name] ?? '';
    const stored = held[key];
    // A value that nobody touched stays as the file has it, a number or `true` too.
    if (sameTemplate && stored !== undefined && typedOf(stored) === typed) written[key] = stored;
    else if (input === 'json') written[key] = objectOf(typed) ?? {};
    else if (typed !== '' || required) written[key] = name === 'name' ? typed.trim() : typed;
  }
  const hasSection = TEMPLATES[form.template].onAnswers || held[SECTION] !== undefined;
  return {
    ...before,
    templateId: sameTemplate ? (before?.['templateId'] ?? form.template) : form.template,
    title: form.title.trim(),
    parameters: {
      ...kept,
      ...written,
      ...(hasSection ? { [SECTION]: form.section } : {}),
      ...(form.operations.length ? { [OPERATIONS]: form.operations } : {}),
    },
  };
}

/** What is missing: `title`, or the name of a parameter. */
export function problemsOfPolicy(form: PolicyForm): string[] {
  const problems = form.title.trim() ? [] : ['title'];
  for (const { name, input, required } of parametersOfTemplate(form.template)) {
    const typed = form.values[name] ?? '';
    if (input === 'json' ? objectOf(typed) === undefined : required && !typed.trim()) problems.push(name);
  }
  return problems;
}
