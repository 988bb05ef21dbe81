/** The saved versions of a flow, newest first, some at a time. */
import { Badge, Button } from '@fluentui/react-components';
import { useQuery } from '@tanstack/react-query';
import { useState } from 'react';
import { api } from '../../api/client';
import { Ago } from '../../shared/bits';
import { useText } from '../../shared/language';
import { moveBetweenRows } from '../../shared/list';
import { Loaded } from '../../shared/page';
import { sharedText } from '../../shared/text';
import { flowsText } from './text';

const STEP = 10;

export function Versions({ flow, current }: { flow: string; current: number }) {
  const t = useText(flowsText);
  const shared = useText(sharedText);
  const [shown, setShown] = useState(STEP);
  const versions = useQuery({ queryKey: ['flows', flow, 'versions'], queryFn: ({ signal }) => api.get('/api/flows/{id}/versions', { path: { id: flow }, signal }) });
  return (
    <section className="panel" aria-labelledby="versions-title">
      <h2 id="versions-title">{t.versions}</h2>
      <Loaded query={versions} rows={2}>
        {({ items }) => (
          <div onKeyDown={moveBetweenRows}>
            <ul>
              {items.slice(0, shown).map((version) => (
                <li key={version.version}>
                  <span data-row tabIndex={0}>{t.version} {version.version}</span> <span className="quiet"><Ago time={version.saved_at} /></span> {version.version === current && <Badge appearance="tint">{t.currentVersion}</Badge>}
                </li>
              ))}
            </ul>
            {items.length > shown && <div className="more"><Button data-row onClick={() => setShown(shown + 5 * STEP)}>{shared.loadMore}</Button></div>}
          </div>
        )}
      </Loaded>
    </section>
  );
}
