/** What came to a flow's address: each call with its verdict, and sending it in again. */
import { Badge, Button, Checkbox, Input, Select } from '@fluentui/react-components';
import { useInfiniteQuery, useQuery, useQueryClient } from '@tanstack/react-query';
import { Link } from '@tanstack/react-router';
import { Fragment, useDeferredValue, useState } from 'react';
import { api } from '../../api/client';
import type { Delivery, RunStatus } from '../../api/types';
import { Ago, Modal, Status } from '../../shared/bits';
import { reasonInWords } from '../../shared/codes';
import { useLanguage, useText } from '../../shared/language';
import { Loaded } from '../../shared/page';
import { ProblemBar } from '../../shared/ProblemBar';
import { bytesText, exact } from '../../shared/time';
import { deliveriesText } from './deliveries-text';

type Verdict = Delivery['verdict'];

const COLORS: Record<Verdict, 'success' | 'informative' | 'danger' | 'warning' | 'subtle'> = {
  ran: 'success',
  duplicate: 'informative',
  handshake: 'informative',
  ping: 'informative',
  refused: 'danger',
  put_off: 'warning',
  unfit: 'subtle',
};

const PAGE = 25;

function DeliveryDetails({ flow, delivery, onClose, onReplay }: { flow: string; delivery: Delivery; onClose: () => void; onReplay: (delivery: Delivery) => void }) {
  const t = useText(deliveriesText);
  const { language } = useLanguage();
  const stored = delivery.verdict === 'ran' ? delivery.id : delivery.first;
  const event = useQuery({
    queryKey: ['flows', flow, 'event', stored],
    queryFn: ({ signal }) => api.get('/api/flows/{id}/events/{event}', { path: { id: flow, event: stored ?? '' }, signal }),
    enabled: stored !== null,
    retry: false,
  });
  const body: unknown = event.data?.body;
  return (
    <Modal
      open
      wide
      isShown
      title={`${t.verdicts[delivery.verdict] ?? delivery.verdict} · ${exact(delivery.at, language)}`}
      onClose={onClose}
      actions={delivery.can_replay ? <Button appearance="primary" onClick={() => onReplay(delivery)}>{delivery.verdict === 'duplicate' ? t.runAnyway : t.replay}</Button> : undefined}
    >
      <p className="quiet">{t.meanings[delivery.verdict]}</p>
      <dl className="facts">
        <dt>{t.event}</dt>
        <dd><code>{delivery.summary}</code></dd>
        <dt>{t.size}</dt>
        <dd>{bytesText(delivery.bytes, language)}</dd>
        {delivery.status !== null && (<><dt>{t.answered}</dt><dd>{delivery.status}</dd></>)}
        {delivery.first !== null && (<><dt>{t.repeats}</dt><dd><code>{delivery.first}</code></dd></>)}
        {delivery.reasons.length > 0 && (<><dt>{t.reasons}</dt><dd>{delivery.reasons.map((reason) => reasonInWords(reason, delivery.status, language)).join('; ')}</dd></>)}
      </dl>
      <h3>{t.headers}</h3>
      <dl className="facts">
        {delivery.headers.map((header, index) => (
          <Fragment key={index}>
            <dt>{header.name}</dt>
            <dd>{header.value === null ? <span className="quiet">{t.hiddenValue}</span> : <code>{header.value}</code>}</dd>
          </Fragment>
        ))}
      </dl>
      <h3>{t.body}</h3>
      {stored === null ? (
        <p className="quiet">{t.noBody}</p>
      ) : (
        <Loaded query={event} rows={3}>
          {() => (body === null || body === undefined ? <p className="quiet">{t.noBody}</p> : <pre tabIndex={0} aria-label={t.body}>{typeof body === 'string' ? body : JSON.stringify(body, null, 2)}</pre>)}
        </Loaded>
      )}
    </Modal>
  );
}

export function Deliveries({ flow }: { flow: string }) {
  const t = useText(deliveriesText);
  const { language } = useLanguage();
  const client = useQueryClient();
  const [verdict, setVerdict] = useState<Verdict | ''>('');
  const [typed, setTyped] = useState('');
  const text = useDeferredValue(typed.trim());
  const [chosen, setChosen] = useState<string[]>([]);
  const [shown, setShown] = useState<Delivery | null>(null);
  const [told, setTold] = useState('');
  const [error, setError] = useState<unknown>(null);
  const [busy, setBusy] = useState(false);
  const list = useInfiniteQuery({
    queryKey: ['flows', flow, 'deliveries', verdict, text],
    queryFn: ({ pageParam, signal }) =>
      api.get('/api/flows/{id}/deliveries', {
        path: { id: flow },
        query: { limit: PAGE, ...(pageParam ? { cursor: pageParam } : {}), ...(verdict ? { verdict } : {}), ...(text ? { q: text } : {}) },
        signal,
      }),
    initialPageParam: '',
    getNextPageParam: (last) => last.next_cursor,
    refetchInterval: 5_000,
  });
  const deliveries = list.data?.pages.flatMap((page) => page.items) ?? [];
  const replay = (body: { deliveries?: string[]; from?: string; until?: string }) => {
    setBusy(true);
    setError(null);
    setTold('');
    api.post('/api/flows/{id}/deliveries/replay', { path: { id: flow }, body })
      .then((done) => {
        setTold(t.replayed(done.runs.length));
        setChosen([]);
        setShown(null);
        return client.invalidateQueries({ queryKey: ['flows', flow, 'deliveries'] });
      })
      .catch(setError)
      .finally(() => setBusy(false));
  };
  const isNarrowed = verdict !== '' || text !== '';
  return (
    <section className="panel stack" aria-label={t.title}>
      <h2>{t.title}</h2>
      <p className="quiet">{t.about}</p>
      <div className="row">
        <Input className="search-wide" aria-label={t.search} placeholder={t.search} value={typed} onChange={(_, data) => setTyped(data.value)} type="search" />
        <Select aria-label={t.verdict} value={verdict} onChange={(_, data) => setVerdict(data.value as Verdict | '')}>
          <option value="">{t.allVerdicts}</option>
          {(Object.keys(COLORS) as Verdict[]).map((own) => <option key={own} value={own}>{t.verdicts[own]}</option>)}
        </Select>
        {chosen.length > 0 && <Button disabled={busy} onClick={() => replay({ deliveries: chosen })}>{t.replayChosen(chosen.length)}</Button>}
        {chosen.length === 2 && <Button disabled={busy} onClick={() => replay({ from: chosen[0] ?? '', until: chosen[1] ?? '' })}>{t.replayRange}</Button>}
      </div>
      <p role="status" className="small">{told}</p>
      <ProblemBar error={error} onDismiss={() => setError(null)} />
      <Loaded query={list} rows={4}>
        {() =>
          deliveries.length === 0 ? (
            <p className="quiet">{isNarrowed ? t.nothingFound : t.none}</p>
          ) : (
            <div className="table-wrap">
              <table className="table compact" aria-label={t.title}>
                <thead>
                  <tr><th aria-label={t.chooseShort} /><th>{t.when}</th><th>{t.verdict}</th><th>{t.event}</th><th>{t.size}</th><th>{t.outcome}</th><th aria-label={t.details} /></tr>
                </thead>
                <tbody>
                  {deliveries.map((delivery) => (
                    <tr key={delivery.id}>
                      <td className="tick">
                        {delivery.can_replay && (
                          <Checkbox
                            aria-label={t.choose(exact(delivery.at, language))}
                            checked={chosen.includes(delivery.id)}
                            onChange={(_, data) => setChosen((before) => (data.checked ? [...before, delivery.id] : before.filter((own) => own !== delivery.id)))}
                          />
                        )}
                      </td>
                      <td><Ago time={delivery.at} /></td>
                      <td><Badge appearance="tint" color={COLORS[delivery.verdict]}>{t.verdicts[delivery.verdict]}</Badge></td>
                      <td><code>{delivery.summary}</code></td>
                      <td data-head={t.size}>{bytesText(delivery.bytes, language)}</td>
                      <td>
                        {delivery.run ? (
                          <Link to="/flows/$flow/runs/$run" params={{ flow, run: delivery.run.id }}><Status status={delivery.run.status as RunStatus} /></Link>
                        ) : (
                          delivery.verdict !== 'ran' && <span className="quiet small">{delivery.reasons[0] ? reasonInWords(delivery.reasons[0], delivery.status, language) : ''}</span>
                        )}
                      </td>
                      <td className="actions"><Button size="small" onClick={() => setShown(delivery)}>{t.details}</Button></td>
                    </tr>
                  ))}
                </tbody>
              </table>
            </div>
          )
        }
      </Loaded>
      {list.hasNextPage && <div className="commands"><Button disabled={list.isFetchingNextPage} onClick={() => void list.fetchNextPage()}>{t.more}</Button></div>}
      {shown && <DeliveryDetails flow={flow} delivery={shown} onClose={() => setShown(null)} onReplay={(delivery) => replay({ deliveries: [delivery.id] })} />}
    </section>
  );
}
