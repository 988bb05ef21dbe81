/** The daily digest: whether it comes, when, and by which way. */
import { Button, Checkbox, Field, MessageBar, MessageBarBody, Select, Switch } from '@fluentui/react-components';
import { useQuery, useQueryClient } from '@tanstack/react-query';
import { useState, type FormEvent } from 'react';
import { api } from '../../api/client';
import type { Digest as Wanted } from '../../api/types';
import { useText } from '../../shared/language';
import { LongSelect } from '../../shared/LongSelect';
import { Loaded } from '../../shared/page';
import { ProblemBar } from '../../shared/ProblemBar';
import { sharedText } from '../../shared/text';
import { settingsText } from './text';

const HOURS = Array.from({ length: 24 }, (_, hour) => hour);

function Form({ held }: { held: Wanted }) {
  const t = useText(settingsText);
  const shared = useText(sharedText);
  const client = useQueryClient();
  const zones = useQuery({ queryKey: ['time-zones'], queryFn: ({ signal }) => api.get('/api/authoring/time-zones', { signal }), staleTime: Infinity });
  const own = Intl.DateTimeFormat().resolvedOptions().timeZone;
  const [wanted, setWanted] = useState(held);
  const [saved, setSaved] = useState(false);
  const [error, setError] = useState<unknown>(null);
  const change = (part: Partial<Wanted>) => {
    setSaved(false);
    setWanted({ ...wanted, ...part });
  };
  // Whoever turns it on means their own morning.
  const turn = (on: boolean) => change({ is_on: on, ...(on && !held.is_on ? { time_zone: zones.data?.items.find((zone) => zone.iana === own)?.id ?? wanted.time_zone } : {}) });
  const save = (event: FormEvent) => {
    event.preventDefault();
    setError(null);
    api.put('/api/account/digest', { body: wanted })
      .then((now) => {
        client.setQueryData(['account', 'digest'], now);
        setSaved(true);
      })
      .catch(setError);
  };
  const known = zones.data?.items ?? [];
  return (
    <form className="stack" onSubmit={save}>
      <Switch label={t.digestOn} checked={wanted.is_on} onChange={(_, data) => turn(data.checked)} />
      {wanted.is_on && (
        <>
          <div className="columns">
            <Field label={t.digestHour}>
              <Select value={String(wanted.hour)} onChange={(_, data) => change({ hour: Number(data.value) })}>
                {HOURS.map((hour) => <option key={hour} value={hour}>{`${String(hour).padStart(2, '0')}:00`}</option>)}
              </Select>
            </Field>
            <Field label={t.timeZone}>
              <LongSelect
                empty=""
                value={wanted.time_zone}
                options={[...(known.some((zone) => zone.id === wanted.time_zone) ? [] : [{ value: wanted.time_zone, title: wanted.time_zone }]), ...known.map((zone) => ({ value: zone.id, title: zone.description, words: `${zone.id} ${zone.iana}` }))]}
                onChange={(time_zone) => change({ time_zone })}
              />
            </Field>
          </div>
          <Checkbox label={t.digestMail} checked={wanted.by_mail === true} onChange={(_, data) => change({ by_mail: data.checked === true })} />
        </>
      )}
      <ProblemBar error={error} onDismiss={() => setError(null)} />
      <div role="status">{saved && <MessageBar intent="success"><MessageBarBody>{t.saved}</MessageBarBody></MessageBar>}</div>
      <div className="commands"><Button type="submit">{shared.save}</Button></div>
    </form>
  );
}

export function Digest() {
  const t = useText(settingsText);
  const query = useQuery({ queryKey: ['account', 'digest'], queryFn: ({ signal }) => api.get('/api/account/digest', { signal }) });
  return (
    <section className="panel stack" aria-labelledby="digest-title">
      <h2 id="digest-title">{t.digest}</h2>
      <p className="quiet">{t.digestText}</p>
      <Loaded query={query} rows={2}>{(held) => <Form held={held} />}</Loaded>
    </section>
  );
}
