/** What a change of a connector breaks in flows. */
import { MessageBar, MessageBarBody, MessageBarTitle } from '@fluentui/react-components';
import { Link } from '@tanstack/react-router';
import type { ReactNode } from 'react';
import type { FlowBreakView } from '../../api/types';
import { useText } from '../../shared/language';
import { galleryText } from './gallery-text';

export function Breaks({ breaks, children }: { breaks: readonly FlowBreakView[]; children?: ReactNode }) {
  const t = useText(galleryText);
  return (
    <MessageBar intent="warning" layout="multiline" role="alert">
      <MessageBarBody>
        <MessageBarTitle>{t.breaksTitle}</MessageBarTitle> {t.breaksText}
        <ul>
          {breaks.map((one, index) => (
            <li key={index}><Link to="/flows/$flow" params={{ flow: one.flow.id }}>{t.inFlow(one.flow.name, one.step)}</Link>: {one.message}</li>
          ))}
        </ul>
      </MessageBarBody>
      {children}
    </MessageBar>
  );
}
