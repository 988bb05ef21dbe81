/** The picture of a step: its connector's icon, or one for its kind. */
import { AlertRegular, ArrowRepeatAllRegular, ArrowReplyRegular, BoxRegular, BracesVariableRegular, BranchForkRegular, CheckmarkCircleRegular, ClockRegular, CodeRegular, DataUsageRegular, FlowRegular, GlobeRegular, MailRegular, PlugConnectedRegular, RecordStopRegular, TextNumberFormatRegular } from '@fluentui/react-icons';
import type { ReactElement } from 'react';
import { builtinOf } from '../../flow-model/builtins';
import { typeOf, type JsonObject } from '../../flow-model/definition';
import { ConnectorIcon } from '../bits';

const PICTURES: { [icon: string]: ReactElement } = {
  globe: <GlobeRegular />, clock: <ClockRegular />, bell: <AlertRegular />, approval: <CheckmarkCircleRegular />, mail: <MailRegular />, branch: <BranchForkRegular />, loop: <ArrowRepeatAllRegular />,
  box: <BoxRegular />, reply: <ArrowReplyRegular />, data: <DataUsageRegular />, variable: <BracesVariableRegular />, stop: <RecordStopRegular />, child: <FlowRegular />, text: <TextNumberFormatRegular />, code: <CodeRegular />, plug: <PlugConnectedRegular />,
};
const COLORS: { [icon: string]: string } = {
  globe: '#0f7b6c', clock: '#6b4fbb', bell: '#c2410c', approval: '#0b6a5a', mail: '#1d6fb8', branch: '#484f66', loop: '#3b5b8c', box: '#6b5b3e', reply: '#0f7b6c', data: '#8a3ffc', variable: '#7a4988', stop: '#b0243b', child: '#3b5b8c', text: '#7a6a1f', code: '#484f66', plug: '#2b5fc7',
};

export const pictureColor = (icon: string | undefined): string => COLORS[icon ?? ''] ?? '#2b5fc7';

export function BuiltinIcon({ icon, size = 28 }: { icon: string; size?: number }) {
  return (
    <span className="builtin-icon" style={{ background: pictureColor(icon), width: size, height: size }} aria-hidden="true">
      {PICTURES[icon] ?? <BoxRegular />}
    </span>
  );
}

export function StepIcon({ step, kind, connector, size = 28 }: { step: JsonObject | null; kind: 'trigger' | 'action'; connector?: { name: string; icon_url: string | null; color?: string | null } | null | undefined; size?: number }) {
  if (connector) return <ConnectorIcon url={connector.icon_url} color={connector.color} name={connector.name} size={size} />;
  const builtin = step ? builtinOf(step, kind) : null;
  return <BuiltinIcon icon={builtin?.icon ?? (/^(OpenApi|ApiConnection)/.test(typeOf(step ?? {})) ? 'plug' : 'box')} size={size} />;
}
