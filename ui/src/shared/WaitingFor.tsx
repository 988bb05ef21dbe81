/** The services for which requests of a flow or run wait for a place, and how many others wait there. */
import { MessageBar, MessageBarBody } from '@fluentui/react-components';
import type { Flow } from '../api/types';
import { defineText, useText } from './language';

const waitingText = defineText(
  {
    waiting: (host: string, others: number) => `Waiting for ${host}${others === 0 ? '' : others === 1 ? ', 1 other' : `, ${others} others`}.`,
    silent: 'It has not answered for a while: one request at a time tries it, the others fail at once and are tried again as their retry policies say.',
  },
  {
    waiting: (host: string, others: number) => `Wartet auf ${host}${others === 0 ? '' : others === 1 ? ', 1 andere' : `, ${others} andere`}.`,
    silent: 'Der Dienst antwortet seit einiger Zeit nicht: Nur noch eine Anfrage auf einmal versucht es, die anderen schlagen sofort fehl und werden so wiederholt, wie ihre Wiederholungsregeln es sagen.',
  },
);

export function WaitingFor({ services }: { services?: Flow['waiting_for'] }) {
  const t = useText(waitingText);
  return (
    <>
      {(services ?? []).map(({ host, others, is_silent: silent }) => (
        <MessageBar key={host} intent={silent ? 'warning' : 'info'} layout="multiline">
          <MessageBarBody>{t.waiting(host, others)} {silent && t.silent}</MessageBarBody>
        </MessageBar>
      ))}
    </>
  );
}
