/** What is asked, who answered what, and the answers to choose from: the same signed in and by the link of a mail. */
import { Badge, Button, Field, Textarea } from '@fluentui/react-components';
import { useState } from 'react';
import type { Approval } from '../../api/types';
import { Ago } from '../../shared/bits';
import { useText } from '../../shared/language';
import { ProblemBar } from '../../shared/ProblemBar';
import { approvalsText } from './text';

const COLORS = { open: 'brand', decided: 'success', withdrawn: 'subtle' } as const;

export function Stage({ approval }: { approval: Approval }) {
  const t = useText(approvalsText);
  const color = approval.is_awaited ? 'warning' : approval.stage === 'decided' && approval.outcome === 'Reject' ? 'danger' : COLORS[approval.stage];
  return <Badge appearance="tint" color={color} data-stage={approval.stage}>{approval.is_awaited ? t.awaitsYou : approval.stage === 'decided' ? approval.outcome : t.stage[approval.stage]}</Badge>;
}

/** The commands to answer with. One that was chosen elsewhere stands alone in front, and still wants a press. */
export function Answer({ approval, chosen, onAnswer }: { approval: Approval; chosen?: string | undefined; onAnswer: (response: string, comments: string) => Promise<unknown> }) {
  const t = useText(approvalsText);
  const [comments, setComments] = useState('');
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState<unknown>(null);
  const first = approval.options.find((option) => option.toLowerCase() === chosen?.toLowerCase());
  const send = (option: string) => {
    setBusy(true);
    setError(null);
    onAnswer(option, comments).catch(setError).finally(() => setBusy(false));
  };
  return (
    <section className="stack" aria-label={t.answer}>
      <Field label={t.comments} hint={t.commentsHint}>
        <Textarea value={comments} onChange={(_, data) => setComments(data.value)} rows={2} resize="vertical" />
      </Field>
      {first && <p className="quiet small">{t.chosen}</p>}
      <ProblemBar error={error} onDismiss={() => setError(null)} />
      <div className="commands answers">
        {approval.options.map((option, index) => (
          <Button key={option} size="large" appearance={(first ?? approval.options[0]) === option || (!first && index === 0) ? 'primary' : 'secondary'} disabledFocusable={busy} onClick={() => send(option)}>
            {first === option ? t.send(option) : option}
          </Button>
        ))}
      </div>
    </section>
  );
}

export function Question({ approval }: { approval: Approval }) {
  const t = useText(approvalsText);
  const link = approval.link && /^(https?:|mailto:|tel:)/i.test(approval.link.uri) ? approval.link : null;
  return (
    <>
      <div className="row">
        <Stage approval={approval} />
        <span className="quiet small"><Ago time={approval.created_at} /></span>
      </div>
      <p className="quiet">{t.asks(approval.requestor, approval.flow_name)}</p>
      {approval.details && <div className="approval-details" dir="auto">{approval.details}</div>}
      {link && <a href={link.uri} target="_blank" rel="noopener noreferrer">{link.label || t.more}</a>}
      {approval.withdrawn && <p className="quiet">{approval.withdrawn}</p>}
    </>
  );
}

export function People({ approval }: { approval: Approval }) {
  const t = useText(approvalsText);
  return (
    <section className="panel stack" aria-labelledby="people-title">
      <h2 id="people-title">{t.people}</h2>
      <p className="quiet small">{t.decides[approval.decides]}</p>
      <ul className="people">
        {approval.people.map((person, index) => (
          <li key={index}>
            <div className="row">
              <strong>{person.name}</strong>
              {person.is_me && <span className="quiet small">({t.you})</span>}
              <span className={person.answer ? '' : 'quiet'}>{person.answer?.response ?? t.notYet}</span>
              {person.answer && <span className="quiet small"><Ago time={person.answer.at} /></span>}
            </div>
            {person.answer?.comments && <div className="quiet" dir="auto">{person.answer.comments}</div>}
          </li>
        ))}
      </ul>
    </section>
  );
}
