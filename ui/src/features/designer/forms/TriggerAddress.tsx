/** Where a flow is called, and what was sent there last. */
import { Field, Input } from '@fluentui/react-components';
import { Ago, CopyButton } from '../../../shared/bits';
import { useText } from '../../../shared/language';
import { useDesigner } from '../context';
import { designerText } from '../text';
import { formText } from './text';

export function TriggerAddress() {
  const t = useText(formText);
  const designer = useText(designerText);
  const { flow } = useDesigner();
  const address = flow?.webhook?.callback_url;
  if (!address) return <p className="quiet small">{designer.webhookAddress}</p>;
  const last = flow.webhook?.last_notification_at;
  return (
    <Field label={t.address} hint={last ? <>{t.lastRequest} <Ago time={last} /></> : t.noRequest}>
      <div className="row no-wrap">
        <Input className="grow mono" readOnly value={address} />
        <CopyButton text={address} label={t.copyAddress} />
      </div>
    </Field>
  );
}
