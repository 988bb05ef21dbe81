/** Parts of an operation's form that only the service knows: a tree to choose from, and the fields of a body. */
import { Button, Spinner } from '@fluentui/react-components';
import { ChevronDownRegular, ChevronRightRegular } from '@fluentui/react-icons';
import { useQuery } from '@tanstack/react-query';
import { useState, type ReactNode } from 'react';
import { api } from '../../api/client';
import type { Parameter, TreeNode } from '../../api/types';
import { isObject, type Json, type JsonObject } from '../../flow-model/definition';
import { parameterReference } from '../../shared/choices';
import { useText } from '../../shared/language';
import { ProblemBar } from '../../shared/ProblemBar';
import { useSettled } from '../../shared/settled';
import type { FieldProps } from './fields';
import { SchemaField } from './SchemaField';
import { designerText } from './text';

export interface Asked {
  connector: string;
  connection: string | null;
  operation: string;
  parameter: Parameter;
  parameters: JsonObject;
  labelOf: (key: string) => string;
}

/** How long a person may pause while typing what another field depends on. */
const TYPING_MS = 400;

/** The parameters on which what an extension asks for depends. */
export function neededBy(source: Json | undefined): string[] {
  const given = isObject(source) ? source['parameters'] : undefined;
  if (!isObject(given)) return [];
  return Object.values(given).flatMap((value) => parameterReference(value) ?? []);
}

/** Only a run knows what an expression gives. */
export const isKnown = (value: Json | undefined) => value !== undefined && value !== null && value !== '' && !(typeof value === 'string' && /^@|@\{/.test(value));

function Level({ asked, node, onChoose }: { asked: Asked; node: Json; onChoose: (node: TreeNode) => void }) {
  const t = useText(designerText);
  const [open, setOpen] = useState<string[]>([]);
  const nodes = useQuery({
    queryKey: ['dynamic-tree', asked.connector, asked.operation, asked.parameter.key, asked.connection, JSON.stringify([node, asked.parameters])],
    staleTime: 60_000,
    queryFn: ({ signal }) =>
      api.post('/api/connectors/{id}/dynamic-tree', {
        path: { id: asked.connector },
        body: { connection_id: asked.connection, operation_id: asked.operation, parameter: asked.parameter.key, parameters: asked.parameters, ...(node === null ? {} : { node }) },
        signal,
      }),
  });
  if (nodes.isPending) return <Spinner size="tiny" label={t.loadingChoices} />;
  return (
    <>
      <ProblemBar error={nodes.error} onRetry={() => void nodes.refetch()} />
      <ul className="tree">
        {(nodes.data?.items ?? []).map((item) => {
          const key = JSON.stringify(item.value);
          const isOpen = open.includes(key);
          return (
            <li key={key}>
              {item.is_parent && (
                <Button size="small" appearance="subtle" icon={isOpen ? <ChevronDownRegular /> : <ChevronRightRegular />} aria-expanded={isOpen} aria-label={t.openNode(item.title)} onClick={() => setOpen(isOpen ? open.filter((one) => one !== key) : [...open, key])} />
              )}
              {item.can_select ? <Button size="small" appearance="subtle" title={item.full_title} onClick={() => onChoose(item)}>{item.title}</Button> : <span>{item.title}</span>}
              {isOpen && <Level asked={asked} node={item.item as Json} onChoose={onChoose} />}
            </li>
          );
        })}
      </ul>
    </>
  );
}

/** A value that is chosen from a tree of the service, or typed. */
export function DynamicTree({ asked, ...props }: FieldProps & { asked: Asked }) {
  const t = useText(designerText);
  const [wanted, setWanted] = useState(false);
  const tree = asked.parameter.dynamic_tree;
  const missing = neededBy(isObject(tree) ? tree['open'] : undefined).filter((key) => !isKnown(asked.parameters[key]));
  const open = wanted && missing.length === 0;
  return (
    <div>
      <SchemaField {...props} schema={asked.parameter.schema} />
      <Button size="small" disabled={!asked.connection || missing.length > 0} aria-expanded={open} onClick={() => setWanted(!open)}>{t.browse}</Button>
      {missing.length > 0 && <p className="quiet small">{t.choicesNeed(missing.map(asked.labelOf).join(', '))}</p>}
      {open && (
        <Level
          asked={asked}
          node={null}
          onChoose={(node) => {
            props.onChange(node.value as Json);
            setWanted(false);
          }}
        />
      )}
    </div>
  );
}

/** The fields of a body whose schema the service knows; until it is known, the body as a whole. */
export function DynamicFields({ asked, whole, field }: { asked: Asked; whole: ReactNode; field: (parameter: Parameter) => ReactNode }) {
  const t = useText(designerText);
  const needed = neededBy(asked.parameter.dynamic_schema);
  const missing = needed.filter((key) => !isKnown(asked.parameters[key]));
  const now = JSON.stringify(needed.map((key) => asked.parameters[key] ?? null));
  const given = useSettled(now, TYPING_MS);
  const schema = useQuery({
    queryKey: ['dynamic-schema', asked.connector, asked.operation, asked.parameter.key, asked.connection, given],
    enabled: !!asked.connection && missing.length === 0 && given === now,
    staleTime: 60_000,
    queryFn: ({ signal }) =>
      api.post('/api/connectors/{id}/dynamic-schema', {
        path: { id: asked.connector },
        body: { connection_id: asked.connection, operation_id: asked.operation, parameter: asked.parameter.key, parameters: asked.parameters },
        signal,
      }),
  });
  const fields = schema.data?.parameters.filter((parameter) => parameter.visibility !== 'internal') ?? [];
  return (
    <>
      {missing.length > 0 && <p className="quiet small">{t.choicesNeed(missing.map(asked.labelOf).join(', '))}</p>}
      {schema.isLoading && <Spinner size="tiny" label={t.loadingChoices} />}
      <ProblemBar error={schema.error} onRetry={() => void schema.refetch()} />
      {fields.length > 0 ? fields.map(field) : whole}
    </>
  );
}
