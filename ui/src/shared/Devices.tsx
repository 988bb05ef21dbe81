/** Devices that receive notifications: turn on here, test, rename, remove. */
import { Button, Input, MessageBar, MessageBarActions, MessageBarBody, MessageBarTitle } from '@fluentui/react-components';
import { useQuery, useQueryClient } from '@tanstack/react-query';
import { useState, type FormEvent } from 'react';
import { api } from '../api/client';
import type { Device } from '../api/types';
import { notificationsText } from './notifications-text';
import { Ago } from './bits';
import { useText } from './language';
import { moveBetweenRows } from './list';
import { Loaded } from './page';
import { ProblemBar } from './ProblemBar';
import { pushAbility, turnOnPush } from './push';
import { sharedText } from './text';

export function TurnOnNotifications() {
  const t = useText(notificationsText);
  const client = useQueryClient();
  const ability = useQuery({ queryKey: ['push', 'ability'], queryFn: pushAbility });
  const [error, setError] = useState<unknown>(null);
  const [busy, setBusy] = useState(false);
  const turnOn = () => {
    setBusy(true);
    setError(null);
    turnOnPush()
      .catch(setError)
      .finally(() => {
        setBusy(false);
        void client.invalidateQueries({ queryKey: ['push'] });
        void client.invalidateQueries({ queryKey: ['devices'] });
      });
  };
  if (!ability.data) return null;
  if (ability.data === 'on') return <p className="quiet" role="status">{t.onHere}</p>;
  if (ability.data !== 'possible') {
    return (
      <MessageBar intent={ability.data === 'ios' ? 'info' : 'warning'} layout="multiline">
        <MessageBarBody>{t[ability.data]}</MessageBarBody>
      </MessageBar>
    );
  }
  return (
    <>
      <MessageBar intent="info" layout="multiline">
        <MessageBarBody>
          <MessageBarTitle>{t.askTitle}</MessageBarTitle> {t.askText} {t.installHint}
        </MessageBarBody>
        <MessageBarActions>
          <Button appearance="primary" disabled={busy} onClick={turnOn}>{t.turnOn}</Button>
        </MessageBarActions>
      </MessageBar>
      <ProblemBar error={error} />
    </>
  );
}

function DeviceRow({ device, act, onTested }: { device: Device; act: (what: Promise<unknown>, done?: () => void) => void; onTested: () => void }) {
  const t = useText(notificationsText);
  const shared = useText(sharedText);
  const [name, setName] = useState<string | null>(null);
  const rename = (event: FormEvent) => {
    event.preventDefault();
    if (name?.trim()) act(api.put('/api/devices/{id}', { path: { id: device.id }, body: { name } }), () => setName(null));
  };
  return (
    <tr>
      <td>
        {name === null ? (
          <span className="row"><span data-row tabIndex={0}>{device.name}</span></span>
        ) : (
          <form className="row" onSubmit={rename}>
            <Input value={name} aria-label={t.deviceName} autoFocus maxLength={80} onChange={(_, data) => setName(data.value)} onKeyDown={(event) => event.key === 'Escape' && setName(null)} />
            <Button type="submit" appearance="primary" disabled={!name.trim()}>{shared.save}</Button>
            <Button onClick={() => setName(null)}>{shared.cancel}</Button>
          </form>
        )}
        <div className="quiet small">{t.addedAt} <Ago time={device.created_at} />{device.push_service && ` · ${device.push_service}`}</div>
      </td>
      <td className="optional quiet">{device.delivered_at ? <Ago time={device.delivered_at} /> : t.never}</td>
      <td className="actions">
        <Button appearance="subtle" aria-label={`${t.test}: ${device.name}`} onClick={() => act(api.post('/api/devices/{id}/test', { path: { id: device.id } }), onTested)}>{t.test}</Button>
        <Button appearance="subtle" aria-label={`${t.rename}: ${device.name}`} onClick={() => setName(device.name)}>{t.rename}</Button>
        <Button appearance="subtle" aria-label={`${t.remove}: ${device.name}`} onClick={() => act(api.delete('/api/devices/{id}', { path: { id: device.id } }))}>{t.remove}</Button>
      </td>
    </tr>
  );
}

export function Devices() {
  const t = useText(notificationsText);
  const shared = useText(sharedText);
  const client = useQueryClient();
  const devices = useQuery({
    queryKey: ['devices'],
    queryFn: ({ signal }) => api.get('/api/devices', { signal }).then((page) => page.items),
  });
  const [error, setError] = useState<unknown>(null);
  const [tested, setTested] = useState(false);
  const act = (what: Promise<unknown>, done?: () => void) => {
    setError(null);
    setTested(false);
    what
      .then(done)
      .catch(setError)
      .finally(() => void client.invalidateQueries({ queryKey: ['devices'] }));
  };
  return (
    <div className="stack">
      <TurnOnNotifications />
      <ProblemBar error={error} onDismiss={() => setError(null)} />
      <div role="status">{tested && <MessageBar intent="success"><MessageBarBody>{t.testSent}</MessageBarBody></MessageBar>}</div>
      <Loaded query={devices} rows={2}>
        {(items) =>
          items.length === 0 ? (
            <p className="quiet">{t.noDevices}</p>
          ) : (
            <div className="table-wrap" onKeyDown={moveBetweenRows}>
              <table className="table" aria-label={t.devices}>
                <thead>
                  <tr><th>{t.device}</th><th className="optional">{t.delivered}</th><th><span className="visually-hidden">{shared.more}</span></th></tr>
                </thead>
                <tbody>{items.map((device) => <DeviceRow key={device.id} device={device} act={act} onTested={() => setTested(true)} />)}</tbody>
              </table>
            </div>
          )
        }
      </Loaded>
    </div>
  );
}
