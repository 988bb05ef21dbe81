/** Values of a run: shown whole, or named by their size and fetched or downloaded on demand; HTTP messages. */
import { Badge, Button } from '@fluentui/react-components';
import { ArrowDownloadRegular } from '@fluentui/react-icons';
import { skipToken, useQuery } from '@tanstack/react-query';
import { useState } from 'react';
import { addressOf, api } from '../../api/client';
import type { Json } from '../../api/types';
import { JsonView } from '../../shared/JsonView';
import { useText } from '../../shared/language';
import { ProblemBar } from '../../shared/ProblemBar';
import { sharedText } from '../../shared/text';
import { runsText } from './text';

interface Cut {
  $truncated: true;
  bytes: number;
}
/** Whether a run's answer has only the size of this value. */
export const isCut = (value: Json | undefined): value is Json & Cut => typeof value === 'object' && value !== null && !Array.isArray(value) && value['$truncated'] === true;

/** Where the whole of a value is that a run's answer leaves out: of an action, or of the trigger. */
export type Place = { id: string; trigger: true } | { id: string; trigger?: false; name: string; which: 'inputs' | 'outputs'; index: number[] };

const fetchWhole = (place: Place, signal?: AbortSignal): Promise<Json> =>
  (place.trigger
    ? api.get('/api/runs/{id}/trigger/outputs', { path: { id: place.id }, ...(signal ? { signal } : {}) })
    : api.get('/api/runs/{id}/actions/{name}/{which}', { path: place, query: { index: place.index.join('-') }, ...(signal ? { signal } : {}) })) as Promise<Json>;

const addressOfWhole = (place: Place): string =>
  place.trigger ? addressOf('/api/runs/{id}/trigger/outputs', { id: place.id }) : `${addressOf('/api/runs/{id}/actions/{name}/{which}', place)}?index=${place.index.join('-')}`;

export function ValueView({ value, secure, place, name }: { value: Json | undefined; secure?: boolean | undefined; place?: Place; name: string }) {
  const shared = useText(sharedText);
  const [wanted, setWanted] = useState(false);
  const whole = useQuery({ queryKey: ['runs', 'value', place], staleTime: Infinity, queryFn: place && wanted ? ({ signal }) => fetchWhole(place, signal) : skipToken });
  if (secure) return <p className="quiet">{shared.hidden}</p>;
  if (!isCut(value)) return <JsonView value={value} fileName={`${name}.json`} />;
  if (whole.data !== undefined) return <JsonView value={whole.data} fileName={`${name}.json`} />;
  return (
    <div className="row">
      <span className="quiet">{shared.truncated(Math.ceil(value.bytes / 1024))}</span>
      {place && (
        <>
          <Button size="small" disabled={whole.isFetching} onClick={() => setWanted(true)}>{whole.isFetching ? shared.loading : shared.loadValue}</Button>
          {/* The browser writes it to disk itself, however large it is. */}
          <Button as="a" size="small" icon={<ArrowDownloadRegular />} href={addressOfWhole(place)} download={`${name}.json`}>{shared.download}</Button>
        </>
      )}
      <ProblemBar error={whole.error} onRetry={() => void whole.refetch()} />
    </div>
  );
}

/** An HTTP request or answer: its line first, then headers and body. */
export function MessageView({ value }: { value: Json }) {
  const t = useText(runsText);
  const shared = useText(sharedText);
  if (isCut(value)) return <p className="quiet">{shared.truncated(Math.ceil(value.bytes / 1024))}</p>;
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return <JsonView value={value} fileName="message.json" />;
  const { method, uri, url, statusCode, status, headers, body, ...rest } = value;
  const address = uri ?? url;
  const code = statusCode ?? status;
  const has = (part: Json | undefined) => part !== undefined && part !== null && !(typeof part === 'object' && Object.keys(part).length === 0);
  return (
    <div className="stack tight">
      <p className="message-line">
        {method !== undefined && <strong>{String(method)}</strong>} {address !== undefined && <code>{String(address)}</code>}
        {code !== undefined && <Badge size="large" appearance="tint" color={Number(code) < 400 ? 'success' : 'danger'}>{String(code)}</Badge>}
      </p>
      {has(headers) && <section><h3>{t.headers}</h3><JsonView value={headers} fileName="headers.json" /></section>}
      {has(body) ? <section><h3>{t.body}</h3><JsonView value={body} fileName="body.json" /></section> : <p className="quiet small">{t.noBody}</p>}
      {has(rest) && <JsonView value={rest} fileName="message.json" />}
    </div>
  );
}
