/** What will be called at the service when a flow is saved, turned off and deleted. */
import { MessageBar, MessageBarBody } from '@fluentui/react-components';
import { useQuery } from '@tanstack/react-query';
import { Link } from '@tanstack/react-router';
import { api } from '../../api/client';
import type { Flow } from '../../api/types';
import { useText } from '../../shared/language';
import { leftText } from './left-text';

export function WebhookCalls({ flow }: { flow: Flow }) {
  const t = useText(leftText);
  const calls = useQuery({
    queryKey: ['flows', flow.id, 'webhook-calls', flow.etag, flow.webhook?.state],
    queryFn: ({ signal }) => api.get('/api/flows/{id}/webhook-calls', { path: { id: flow.id }, signal }),
    retry: false,
  });
  const found = calls.data;
  if (!found?.create) return null;
  const connector = Object.values(flow.connections ?? {}).find((binding) => binding.connector_id)?.connector_id;
  return (
    <section aria-label={t.calls}>
      <h3>{t.calls}</h3>
      <dl className="facts">
        <dt>{t.onCreate}</dt>
        <dd><code>{found.create.method} {found.create.url}</code></dd>
        {found.update && (
          <>
            <dt>{t.onUpdate}</dt>
            <dd><code>{found.update.method} {found.update.url}</code></dd>
          </>
        )}
        <dt>{t.onDelete}</dt>
        <dd>
          {found.delete ? (
            <>
              <code>{found.delete.method} {found.delete.url}</code>{!found.delete.url && t.byAnswer}{' '}
              {found.delete.rule && <span className="quiet small">{t.rules[found.delete.rule]}</span>}
            </>
          ) : found.is_live ? (
            <MessageBar intent="warning" layout="multiline">
              <MessageBarBody>
                {t.nobodyKnows}{' '}
                {connector ? <Link to="/connectors/$connector/$part" params={{ connector, part: 'definition' }}>{t.sayHow}</Link> : t.sayHow}
              </MessageBarBody>
            </MessageBar>
          ) : (
            t.byAnswer
          )}
        </dd>
      </dl>
      <p className="small"><Link to="/left-behind">{t.seeLeft}</Link></p>
    </section>
  );
}
