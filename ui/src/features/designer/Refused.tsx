/** The service refused the webhook: what it said, what to do, and the ways to mend it without leaving the designer. */
import { Button, MessageBar, MessageBarActions, MessageBarBody, MessageBarTitle } from '@fluentui/react-components';
import { Link } from '@tanstack/react-router';
import { useState } from 'react';
import type { Flow } from '../../api/types';
import { triggerOf } from '../../flow-model/definition';
import { Modal } from '../../shared/bits';
import { ConnectionForm } from '../../shared/ConnectionForm';
import { retryWebhook } from '../../shared/flow-commands';
import { useLanguage, useText } from '../../shared/language';
import { inWords } from '../../shared/sentences';
import { sharedText } from '../../shared/text';
import { useConnections, useConnectors, useDesigner } from './context';
import { hostOf } from './state';
import { designerText } from './text';

/** What the service said when it did not create the webhook of a flow that is off because of that. */
export function refusalOf(flow: Flow | null): { message?: string; hint?: string } | null {
  const { webhook } = flow ?? {};
  if (!webhook || !/fail/i.test(webhook.state) || flow?.state !== 'off') return null;
  return (webhook.error ?? {}) as { message?: string; hint?: string };
}

export function Refused({ flow, onStored, onOn, onError }: { flow: Flow; onStored: (flow: Flow) => void; onOn: () => void; onError: (error: unknown) => void }) {
  const t = useText(designerText);
  const { language } = useLanguage();
  const shared = useText(sharedText);
  const { edited } = useDesigner();
  const connections = useConnections();
  const connectors = useConnectors();
  const [repairing, setRepairing] = useState(false);
  const [repaired, setRepaired] = useState(false);
  const [busy, setBusy] = useState(false);
  const refusal = refusalOf(flow);
  if (!refusal) return null;
  const host = hostOf(triggerOf(edited.definition)?.trigger);
  const connection = connections.data?.find((item) => item.id === edited.connections[host?.key ?? '']?.connection_id);
  const connector = connectors.data?.items.find((item) => item.id === connection?.connector.id);
  const tryAgain = () => {
    setBusy(true);
    retryWebhook(flow.id)
      .then((changed) => {
        onStored(changed);
        if (changed.state === 'on') onOn();
      })
      .catch(onError)
      .finally(() => setBusy(false));
  };
  return (
    <MessageBar intent={repaired ? 'info' : 'error'} layout="multiline">
      <MessageBarBody>
        <MessageBarTitle>{t.webhookRefused}</MessageBarTitle> {inWords(refusal.message ?? '', language)}
        {repaired ? <p>{t.repaired}</p> : refusal.hint && <p><strong>{shared.whatToDo}</strong>: {inWords(refusal.hint, language)}</p>}
      </MessageBarBody>
      <MessageBarActions>
        {connection && connector && <Button onClick={() => setRepairing(true)}>{t.repair}</Button>}
        <Button appearance={repaired ? 'primary' : 'secondary'} disabled={busy} onClick={tryAgain}>{t.tryAgain}</Button>
        <Link to="/flows/$flow/runs" params={{ flow: flow.id }}>{t.openHistory}</Link>
      </MessageBarActions>
      {repairing && connection && connector && (
        <Modal open title={t.repair} onClose={() => setRepairing(false)}>
          <ConnectionForm
            connector={connector}
            connection={connection}
            onDone={() => {
              setRepairing(false);
              setRepaired(true);
            }}
          />
        </Modal>
      )}
    </MessageBar>
  );
}
