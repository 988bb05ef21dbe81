/** Dynamic content and expressions, below the field that has the focus. */
import { Button, SearchBox, Tab, TabList } from '@fluentui/react-components';
import { DismissRegular } from '@fluentui/react-icons';
import { useMemo, useState } from 'react';
import type { Json } from '../../flow-model/definition';
import { wrapInForeach } from '../../flow-model/edits';
import { inOneLine, seenOfToken } from '../../flow-model/seen';
import { itemExpression, standing, type ContentToken } from '../../flow-model/tokens';
import { Modal } from '../../shared/bits';
import { StepIcon } from '../../shared/canvas/StepIcon';
import { useText } from '../../shared/language';
import { sharedText } from '../../shared/text';
import { useConnectorOf, useDesigner } from './context';
import { ExpressionTab } from './ExpressionTab';
import { outputsOf, useLastRun } from './last-run';
import { designerText } from './text';
import { useTokens } from './tokens';

const SEEN_MAX = 80;
/** More than this is searched, not read; it would also take long to draw. */
const TOKENS_MAX = 150;

/** `start` is the expression of the token that is edited; empty for a new one. */
/** The names as the data has them, where the title says them otherwise: `amount_due` beside “Amount due”. */
const pathOf = (token: { title: string; expression: string; tail?: string }): string => {
  const names = [...(token.tail ?? token.expression).matchAll(/\['((?:[^']|'')*)'\]/g)].map((match) => (match[1] ?? '').replace(/''/g, "'"));
  const path = names.join('.');
  return path === token.title ? '' : path;
};

export function TokenPicker({ step, start, onInsert, onClose, fieldKey }: { step: string | null; start: string; onInsert: (expression: string) => void; onClose: () => void; fieldKey: string }) {
  const t = useText(designerText);
  const shared = useText(sharedText);
  const { edited, edit, flow } = useDesigner();
  const { groups: known } = useTokens(step);
  // The list that a step goes through is not made of its own items.
  const groups = fieldKey.endsWith('/inputs/from') ? known.filter((group) => group.source?.kind !== 'item') : known;
  const [tab, setTab] = useState<'dynamic' | 'expression'>(start ? 'expression' : 'dynamic');
  const [search, setSearch] = useState('');
  const [all, setAll] = useState(false);
  const [wrapping, setWrapping] = useState<ContentToken | null>(null);
  const choose = (token: ContentToken) => {
    if (token.arrays && step !== null) {
      const expression = itemExpression(edited.definition, step, token);
      if (expression !== null) onInsert(expression);
      // The field of the loop itself may take any list, also one of a property.
      else setWrapping(token);
      return;
    }
    onInsert(token.expression);
  };
  const last = useLastRun(flow);
  const connectorFor = useConnectorOf(edited.connections);
  const outputs = useMemo(() => (last.data ? outputsOf(last.data) : new Map<string | null, Json>()), [last.data]);
  /** What the token stood for in the last run: an example says more than a description. */
  const seen = (token: ContentToken): string | undefined => inOneLine(seenOfToken(edited.definition, outputs, step, token), SEEN_MAX);
  const words = search.toLowerCase().split(/\s+/).filter(Boolean);
  const fits = (token: ContentToken) => {
    const text = `${token.title} ${token.expression} ${token.description ?? ''}`.toLowerCase();
    return words.length > 0 ? words.every((word) => text.includes(word)) : all || !token.advanced;
  };
  const fitting = groups.map((group) => ({ ...group, tokens: group.tokens.filter(fits) })).filter((group) => group.tokens.length > 0);
  let room = all ? Infinity : TOKENS_MAX;
  const shown = fitting.flatMap((group) => {
    const tokens = group.tokens.slice(0, Math.max(0, room));
    room -= group.tokens.length;
    return tokens.length > 0 ? [{ ...group, tokens }] : [];
  });
  const hasMore = !all && (room < 0 || (words.length === 0 && groups.some((group) => group.tokens.some((token) => token.advanced))));
  return (
    <div className="picker" role="group" aria-label={t.insertLabel} onKeyDown={(event) => event.key === 'Escape' && onClose()}>
      <div className="row">
        <TabList size="small" selectedValue={tab} onTabSelect={(_, data) => setTab(data.value as typeof tab)}>
          <Tab value="dynamic">{t.dynamic}</Tab>
          <Tab value="expression">{t.expression}</Tab>
        </TabList>
        <span className="grow" />
        <Button size="small" appearance="subtle" icon={<DismissRegular />} aria-label={shared.close} onClick={onClose} />
      </div>
      {tab === 'dynamic' ? (
        <>
          <SearchBox size="small" value={search} onChange={(_, data) => setSearch(data.value)} placeholder={t.searchDynamic} aria-label={t.searchDynamic} />
          <div className="picker-list">
            {groups.length === 0 && <p className="quiet">{t.noDynamic}</p>}
            {shown.map((group) => (
              <section key={group.key} aria-label={group.title}>
                <h3>
                  {group.source && <StepIcon step={group.source.step} kind={group.source.kind === 'trigger' ? 'trigger' : 'action'} connector={connectorFor(group.source.step)} size={18} />}
                  {group.title}
                </h3>
                <ul>
                  {group.tokens.map((token, index) => (
                    <li key={`${token.expression}-${index}`}>
                      <button type="button" title={token.expression} onMouseDown={(event) => event.preventDefault()} onClick={() => choose(token)}>
                        <span>
                          <strong>{token.title}</strong>
                          {pathOf(token) !== '' && <code className="token-path" aria-hidden>{pathOf(token)}</code>}
                          {token.sampled && <span className="sampled" title={t.sampled}>{t.sampledMark}</span>}
                        </span>
                        <span className="quiet">{seen(token) ?? (token.sampled ? t.sampled : token.description)}</span>
                      </button>
                    </li>
                  ))}
                </ul>
              </section>
            ))}
            {hasMore && <Button size="small" appearance="transparent" onClick={() => setAll(true)}>{t.seeMore}</Button>}
          </div>
        </>
      ) : (
        <ExpressionTab step={step} start={start} onInsert={onInsert} label={`${t.expression} ${fieldKey}`} />
      )}
      {wrapping && step !== null && (
        <Modal
          open
          title={t.wrapTitle}
          onClose={() => setWrapping(null)}
          actions={
            <Button
              appearance="primary"
              onClick={() => {
                // One loop for each list that the step is not inside of yet.
                const arrays = wrapping.arrays ?? [];
                let { definition } = edited;
                const missing = arrays.length - standing(definition, step, arrays).depth;
                for (let loop = 0; loop < missing; loop += 1) definition = wrapInForeach(definition, step, standing(definition, step, arrays).next, t.loopTitle).definition;
                edit((held) => ({ ...held, definition }));
                const expression = itemExpression(definition, step, wrapping) ?? wrapping.expression;
                setWrapping(null);
                // The field must first know the changed flow; then the token goes in.
                setTimeout(() => onInsert(expression), 0);
              }}
            >
              {t.wrapAction}
            </Button>
          }
        >
          <p>{t.wrapText(wrapping.title)}</p>
        </Modal>
      )}
    </div>
  );
}
