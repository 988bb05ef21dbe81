/** What an imported package needs of connectors, what was chosen for that, and how much of it works then. */
import { stepOfPointer } from './checker';
import { forEachAction, triggerOf, type JsonObject } from './definition';
import { hostOf, isOwnApi, pathCallOf } from './host';
import { substituted, substituteFor, withOperation, type Substitute } from './replace';

/** A flow of the file, as the server reads it. */
export interface ImportedFlow {
  definition: object;
  connections: { [key: string]: { api: string | null; connector_id: string | null; prebuilt: string | null } };
  diagnostics: readonly { severity: string; pointer: string }[];
}

/** What a flow's key of a connection stands for. */
export interface BoundConnection {
  connection_id: string | null;
  connector_id: string | null;
  api: string | null;
}

/** What is asked of an operation of a connector. */
export interface KnownOperation {
  operation_id: string;
}

/** A step that calls a connector. */
export interface ConnectorStep {
  /** Which flow of the package. */
  flow: number;
  /** Null for the trigger. */
  name: string | null;
  key: string;
  /** The operation's name; null where the step calls by method and path. */
  operation: string | null;
  /** `POST /messages`, where there is no name. */
  call: string;
}

/** A connector that the package needs, with all of the steps that call it. */
export interface Need {
  /** As the package names it, without its prefix. */
  api: string;
  title: string;
  steps: ConnectorStep[];
  /** The connector of this server that fits, and the one that comes with it. */
  connector: string | null;
  prebuilt: string | null;
}

/** What is done about a need. */
export type Choice =
  | { way: 'open' }
  | { way: 'connector'; connector: string; connection: string | null }
  | { way: 'replace' };

/** What is done about one step, in place of what is done about its connector. */
export type StepChoice = { operation: string } | { by: Substitute };

export interface Choices {
  needs: { [api: string]: Choice };
  /** By {@link stepKey}. */
  steps: { [step: string]: StepChoice };
}

export const stepKey = (step: Pick<ConnectorStep, 'flow' | 'name'>): string => `${step.flow}/${step.name ?? '$trigger'}`;

/** `shared_office365` → `Office365`; identifiers that were put behind a name are left out. */
export function titleOfApi(api: string): string {
  const plain = api.replace(/^shared[_-]/, '').replace(/[-_](5f)?[0-9a-f]{8,}$/i, '').replace(/[-_]+/g, ' ').trim() || api;
  return plain.charAt(0).toUpperCase() + plain.slice(1);
}

function connectorSteps(definition: JsonObject, flow: number): ConnectorStep[] {
  const steps: ConnectorStep[] = [];
  const add = (name: string | null, step: JsonObject) => {
    const host = hostOf(step);
    if (host) {
      if (!isOwnApi(host.api)) steps.push({ flow, name, key: host.key, operation: host.operation, call: host.operation });
      return;
    }
    const path = pathCallOf(step);
    if (path) steps.push({ flow, name, key: path.key, operation: null, call: `${path.method} ${path.path}` });
  };
  const trigger = triggerOf(definition);
  if (trigger) add(null, trigger.trigger);
  forEachAction(definition, add);
  return steps;
}

const lastPart = (api: string | null | undefined): string => (api ?? '').split('/').pop() ?? '';

/** The API that a step speaks of: what its connection says, what its host says, or else the name of the connection itself. */
function apiOf(flow: ImportedFlow, step: ConnectorStep, definition: JsonObject): string {
  const host = step.name === null ? hostOf(triggerOf(definition)?.trigger) : null;
  return lastPart(flow.connections[step.key]?.api) || host?.api || step.key;
}

/** The connectors that the flows need, those with most steps first. */
export function needsOf(flows: readonly ImportedFlow[]): Need[] {
  const needs = new Map<string, Need>();
  flows.forEach((flow, index) => {
    for (const step of connectorSteps(flow.definition as JsonObject, index)) {
      const api = apiOf(flow, step, flow.definition as JsonObject);
      const known = flow.connections[step.key];
      const need = needs.get(api) ?? { api, title: titleOfApi(api), steps: [], connector: null, prebuilt: null };
      need.steps.push(step);
      need.connector ??= known?.connector_id ?? null;
      need.prebuilt ??= known?.prebuilt ?? null;
      needs.set(api, need);
    }
  });
  return [...needs.values()].sort((one, two) => two.steps.length - one.steps.length);
}

/** Whether a step runs once the choices are made. `operations`: what the chosen connector can do, as far as that is known. */
export function works(step: ConnectorStep, need: Need, choices: Choices, operations: readonly KnownOperation[] | undefined): boolean {
  const own = choices.steps[stepKey(step)];
  const choice = choices.needs[need.api] ?? { way: 'open' };
  if ((own && 'by' in own) || choice.way === 'replace') return true;
  if (choice.way !== 'connector') return false;
  const operation = own && 'operation' in own ? own.operation : step.operation;
  return operation === null || (operations ?? []).some((known) => known.operation_id === operation);
}

export interface Extent {
  works: number;
  all: number;
}

/** How many of all steps of the flows work. A step of the language works unless the server found an error in it. */
export function extentOf(flows: readonly ImportedFlow[], needs: readonly Need[], choices: Choices, operationsOf: (connector: string) => readonly KnownOperation[] | undefined): Extent {
  const broken = new Set<string>();
  const replaced = new Set<string>();
  for (const need of needs) {
    const choice = choices.needs[need.api];
    const operations = choice?.way === 'connector' ? operationsOf(choice.connector) : undefined;
    for (const step of need.steps) {
      const own = choices.steps[stepKey(step)];
      if (choice?.way === 'replace' || (own && 'by' in own)) replaced.add(stepKey(step));
      if (!works(step, need, choices, operations)) broken.add(stepKey(step));
    }
  }
  let all = 0;
  flows.forEach((flow, index) => {
    const definition = flow.definition as JsonObject;
    all += triggerOf(definition) ? 1 : 0;
    forEachAction(definition, () => (all += 1));
    for (const finding of flow.diagnostics) {
      const step = finding.severity === 'error' ? stepOfPointer(definition, finding.pointer) : undefined;
      const key = step === undefined ? null : stepKey({ flow: index, name: step });
      if (key && !replaced.has(key)) broken.add(key);
    }
  });
  return { works: Math.max(0, all - broken.size), all };
}

/** A flow of the package with the choices in it. */
export function applied(flow: ImportedFlow, index: number, needs: readonly Need[], choices: Choices): { definition: JsonObject; connections: { [key: string]: BoundConnection } } {
  let definition = flow.definition as JsonObject;
  const connections: { [key: string]: BoundConnection } = Object.fromEntries(Object.entries(flow.connections).map(([key, own]) => [key, { connection_id: null, connector_id: null, api: own.api }]));
  for (const need of needs) {
    const choice = choices.needs[need.api] ?? { way: 'open' };
    for (const step of need.steps.filter((one) => one.flow === index)) {
      const own = choices.steps[stepKey(step)];
      if (own && 'by' in own) definition = substituted(definition, step.name, own.by);
      else if (choice.way === 'replace') definition = substituted(definition, step.name, substituteFor(step.call));
      else if (choice.way === 'connector') {
        if (own && 'operation' in own) definition = withOperation(definition, step.name, own.operation);
        connections[step.key] = { api: connections[step.key]?.api ?? null, connector_id: choice.connector, connection_id: choice.connection };
      }
    }
  }
  return { definition, connections };
}
