/** What the first calls of a flow's own address teach: which service sends them, and which fields they have. */
import { Button, MessageBar, MessageBarActions, MessageBarBody, MessageBarTitle } from '@fluentui/react-components';
import { useQuery, useQueryClient } from '@tanstack/react-query';
import { useNavigate } from '@tanstack/react-router';
import { useState } from 'react';
import { api } from '../../api/client';
import type { Flow, FlowBody, Json, JsonObject } from '../../api/types';
import { isObject, triggerOf } from '../../flow-model/definition';
import { setMember } from '../../flow-model/edits';
import { Ago } from '../../shared/bits';
import { saveFlow } from '../../shared/flow-commands';
import { useText } from '../../shared/language';
import { Loaded } from '../../shared/page';
import { ProblemBar } from '../../shared/ProblemBar';
import { deliveriesText } from './deliveries-text';

/** Whether the trigger says already what its callers send. */
function hasFields(schema: Json | undefined): boolean {
  return isObject(schema) && Object.keys(schema).length > 0;
}

export function FirstCall({ flow }: { flow: Flow }) {
  const t = useText(deliveriesText);
  const client = useQueryClient();
  const navigate = useNavigate();
  const [error, setError] = useState<unknown>(null);
  const [busy, setBusy] = useState(false);
  const [told, setTold] = useState('');
  const definition = (flow.definition ?? {}) as JsonObject;
  const inputs = triggerOf(definition)?.trigger['inputs'];
  const own = isObject(inputs) ? inputs : {};
  const isKnown = hasFields(own['schema']) && typeof own['x-hookmill-preset'] === 'string';
  const lesson = useQuery({
    queryKey: ['flows', flow.id, 'lesson'],
    queryFn: ({ signal }) => api.get('/api/flows/{id}/deliveries/lesson', { path: { id: flow.id }, signal }),
    enabled: !isKnown,
    refetchInterval: (query) => (query.state.data?.delivery ? false : 2_000),
  });
  if (isKnown) return null;
  const save = async (path: string[], value: Json) => {
    const body: FlowBody = {
      name: flow.name,
      definition: setMember(definition, null, path, value),
      connections: flow.connections,
      parameters: flow.parameters ?? {},
      profile: flow.profile,
    } as FlowBody;
    await saveFlow(flow.id, body, flow.etag ? `"${flow.etag}"` : undefined);
    await client.invalidateQueries({ queryKey: ['flows'] });
  };
  const act = (what: () => Promise<unknown>) => {
    setBusy(true);
    setError(null);
    what()
      .catch(setError)
      .finally(() => setBusy(false));
  };
  return (
    <section className="panel stack" aria-label={t.learnTitle}>
      <h2>{t.learnTitle}</h2>
      <Loaded query={lesson} rows={2}>
        {(found) =>
          found.delivery === null ? (
            <p className="quiet" role="status">{t.learnWait}</p>
          ) : (
            <>
              <p role="status">{t.learnAt} <Ago time={found.at} /></p>
              {found.preset && found.preset !== own['x-hookmill-preset'] && (
                <MessageBar intent="info" layout="multiline">
                  <MessageBarBody>
                    <MessageBarTitle>{t.seems(found.preset_title ?? found.preset)}</MessageBarTitle> {t.seemsMeaning}
                  </MessageBarBody>
                  <MessageBarActions>
                    <Button
                      disabled={busy}
                      onClick={() => act(async () => {
                        await save(['inputs', 'x-hookmill-preset'], found.preset);
                        await navigate({ to: '/flows/$flow/edit', params: { flow: flow.id } });
                      })}
                    >
                      {t.useService(found.preset_title ?? found.preset)}
                    </Button>
                  </MessageBarActions>
                </MessageBar>
              )}
              <h3>{t.payload}</h3>
              <pre tabIndex={0} aria-label={t.payload}>{typeof found.body === 'string' ? found.body : JSON.stringify(found.body, null, 2)}</pre>
              {found.schema !== null && !hasFields(own['schema']) && (
                <div className="row">
                  <Button
                    appearance="primary"
                    disabled={busy}
                    onClick={() => act(async () => {
                      await save(['inputs', 'schema'], found.schema as Json);
                      setTold(t.taken);
                    })}
                  >
                    {t.takeSchema}
                  </Button>
                  <span className="quiet small">{t.schemaFrom(found.calls)}</span>
                </div>
              )}
            </>
          )
        }
      </Loaded>
      <p role="status" className="small">{told}</p>
      <ProblemBar error={error} />
    </section>
  );
}
