/** Devices that receive notifications: turn on here, test, remove. */
import { Button, MessageBar, MessageBarActions, MessageBarBody, MessageBarTitle } from '@fluentui/react-components';
import { useQuery, useQueryClient } from '@tanstack/react-query';
import { useState } from 'react';
import { api } from '../api/client';
import { notificationsText } from './notifications-text';
import { Ago } from './bits';
import { useText } from './language';
import { Loaded } from './page';
import { ProblemBar } from './ProblemBar';
import { pushAbility, turnOnPush } from './push';

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

export function Devices() {
  const t = useText(notificationsText);
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
            <div className="table-wrap">
              <table className="table">
                <thead>
                  <tr><th>{t.device}</th><th>{t.added}</th><th><span className="visually-hidden">{t.test}</span></th></tr>
                </thead>
                <tbody>
                  {items.map((device) => (
                    <tr key={device.id}>
                      <td>{device.name}</td>
                      <td><Ago time={device.created_at} /></td>
                      <td className="actions">
                        <Button appearance="subtle" aria-label={`${t.test}: ${device.name}`} onClick={() => act(api.post('/api/devices/{id}/test', { path: { id: device.id } }), () => setTested(true))}>{t.test}</Button>
                        <Button appearance="subtle" aria-label={`${t.remove}: ${device.name}`} onClick={() => act(api.delete('/api/devices/{id}', { path: { id: device.id } }))}>{t.remove}</Button>
                      </td>
                    </tr>
                  ))}
                </tbody>
              </table>
            </div>
          )
        }
      </Loaded>
    </div>
  );
}
