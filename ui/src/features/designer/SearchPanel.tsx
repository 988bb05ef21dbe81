/** Search over built-ins and the operations of one's connectors; choosing adds a step. */
import { SearchBox } from '@fluentui/react-components';
import { useQuery } from '@tanstack/react-query';
import { useEffect, useRef, useState, type KeyboardEvent } from 'react';
import { api } from '../../api/client';
import type { CatalogItem } from '../../api/types';
import { BUILTINS, GROUPS, type Builtin } from '../../flow-model/builtins';
import { actionNames, findAction, titleOf, type JsonObject } from '../../flow-model/definition';
import { ConnectorIcon } from '../../shared/bits';
import { BuiltinIcon, StepIcon } from '../../shared/canvas/StepIcon';
import { useLanguage, useText } from '../../shared/language';
import { Loading } from '../../shared/page';
import { ProblemBar } from '../../shared/ProblemBar';
import { useSettled } from '../../shared/settled';
import { designerText } from './text';

export type Choice = { builtin: Builtin } | { item: CatalogItem };

const RECENT_KEY = 'hookmill-recent-steps';
const RECENT_MAX = 4;
const HERE_MAX = 6;
const keyOf = (choice: Choice) => ('builtin' in choice ? `builtin:${choice.builtin.kind}:${choice.builtin.id}` : `${choice.item.connector?.id}:${choice.item.operation_id}`);

function recentKeys(): string[] {
  try {
    const kept: unknown = JSON.parse(window.localStorage.getItem(RECENT_KEY) ?? '[]');
    return Array.isArray(kept) ? kept.filter((key): key is string => typeof key === 'string') : [];
  } catch {
    return [];
  }
}

/** Best match first: the title begins with what was typed, a word of it does, it is in there, or only in the rest. */
export function ranked<T>(items: readonly T[], words: readonly string[], saidOf: (item: T) => { title: string; more: string }): T[] {
  if (words.length === 0) return [...items];
  const typed = words.join(' ');
  const scoreOf = (item: T): number => {
    const said = saidOf(item);
    const title = said.title.toLowerCase();
    if (title.startsWith(typed)) return 0;
    const begins = (text: string) => words.every((word) => ` ${text}`.includes(` ${word}`));
    return begins(title) ? 1 : words.every((word) => title.includes(word)) ? 2 : begins(said.more.toLowerCase()) ? 3 : 4;
  };
  return items.map((item, at) => ({ item, at, score: scoreOf(item) })).sort((one, two) => one.score - two.score || one.at - two.at).map(({ item }) => item);
}

/** With `steps`, the cards of the flow itself are found too, to go to. */
export function SearchPanel({ kind, onChoose, steps, onStep }: { kind: 'trigger' | 'action'; onChoose: (choice: Choice) => void; steps?: JsonObject; onStep?: (name: string) => void }) {
  const t = useText(designerText);
  const { language } = useLanguage();
  const [text, setText] = useState('');
  const asked = useSettled(text, 150);
  const input = useRef<HTMLInputElement>(null);
  useEffect(() => input.current?.focus(), []);
  const catalog = useQuery({
    queryKey: ['catalog', asked],
    queryFn: ({ signal }) => api.get('/api/catalog', { query: { q: asked }, signal }),
    placeholderData: (before) => before,
  });
  const words = text.toLowerCase().split(/\s+/).filter(Boolean);
  const fits = (said: string) => words.every((word) => said.toLowerCase().includes(word));
  const builtins = ranked(BUILTINS.filter((item) => item.kind === kind && fits(`${item.title.en} ${item.title[language]} ${item.keywords} ${item.description[language]} ${item.type} ${item.id}`)), words, (item) => ({ title: `${item.title[language]} ${item.title.en}`, more: `${item.keywords} ${item.type}` }));
  const items = ranked((catalog.data?.items ?? []).filter((item) => item.kind === kind && fits(`${item.title} ${item.description ?? ''} ${item.connector?.name ?? ''} ${item.operation_id ?? ''}`)), words, (item) => ({ title: item.title, more: `${item.connector?.name ?? ''} ${item.operation_id ?? ''}` }));
  const groups = new Map<string, { title: string; choices: Choice[] }>();
  for (const item of items) {
    const key = item.connector?.id ?? '';
    const group = groups.get(key) ?? { title: item.connector?.name ?? '', choices: [] };
    group.choices.push({ item });
    groups.set(key, group);
  }
  const all: Choice[] = [...builtins.map((builtin): Choice => ({ builtin })), ...items.map((item): Choice => ({ item }))];
  const recent = words.length ? [] : recentKeys().flatMap((key) => all.find((choice) => keyOf(choice) === key) ?? []);
  const sections = [
    ...(recent.length ? [{ title: t.recent, choices: recent }] : []),
    // Whoever searches wants the best match first; whoever looks around wants them by what they are about.
    ...(words.length > 0
      ? builtins.length > 0 ? [{ title: t.builtin, choices: builtins.map((builtin): Choice => ({ builtin })) }] : []
      : GROUPS.flatMap((group) => {
          const own = builtins.filter((builtin) => builtin.group === group);
          return own.length > 0 ? [{ title: t.groups[group] ?? group, choices: own.map((builtin): Choice => ({ builtin })) }] : [];
        })),
    ...groups.values(),
  ];
  const here = steps && words.length > 0 ? [...actionNames(steps)].filter((name) => fits(titleOf(name))).slice(0, HERE_MAX) : [];
  const choose = (choice: Choice) => {
    window.localStorage.setItem(RECENT_KEY, JSON.stringify([keyOf(choice), ...recentKeys().filter((key) => key !== keyOf(choice))].slice(0, RECENT_MAX)));
    onChoose(choice);
  };
  const walk = (event: KeyboardEvent<HTMLElement>) => {
    if (event.key !== 'ArrowDown' && event.key !== 'ArrowUp') return;
    const stops = [...event.currentTarget.querySelectorAll<HTMLElement>('input, .step-choice')];
    const next = stops[stops.indexOf(document.activeElement as HTMLElement) + (event.key === 'ArrowDown' ? 1 : -1)];
    if (next) {
      event.preventDefault();
      next.focus();
    }
  };
  return (
    <div className="stack search-panel" onKeyDown={walk}>
      <SearchBox ref={input} value={text} onChange={(_, data) => setText(data.value)} placeholder={t.searchSteps} aria-label={t.searchLabel} />
      <ProblemBar error={catalog.error} onRetry={() => void catalog.refetch()} />
      {catalog.isPending && <Loading rows={2} />}
      {sections.length === 0 && here.length === 0 && !catalog.isPending && <p className="quiet">{t.nothing}</p>}
      {here.length > 0 && (
        <section aria-label={t.inThisFlow}>
          <h3>{t.inThisFlow}</h3>
          <ul className="step-choices">
            {here.map((name) => (
              <li key={name}>
                <button type="button" className="step-choice" onClick={() => onStep?.(name)}>
                  <StepIcon step={steps ? (findAction(steps, name)?.action ?? null) : null} kind="action" />
                  <span><strong>{titleOf(name)}</strong></span>
                </button>
              </li>
            ))}
          </ul>
        </section>
      )}
      {sections.map((section, at) => (
        <section key={`${section.title}-${at}`} aria-label={section.title}>
          <h3>{section.title}</h3>
          <ul className="step-choices">
            {section.choices.map((choice) => {
              const title = 'builtin' in choice ? choice.builtin.title[language] : choice.item.title;
              const description = 'builtin' in choice ? choice.builtin.description[language] : choice.item.description;
              return (
                <li key={keyOf(choice)}>
                  <button type="button" className="step-choice" onClick={() => choose(choice)}>
                    {'builtin' in choice ? <BuiltinIcon icon={choice.builtin.icon} size={32} /> : <ConnectorIcon url={choice.item.connector?.icon_url} color={choice.item.connector?.color} name={choice.item.connector?.name ?? ''} />}
                    <span>
                      <strong>{title}</strong>
                      <span className="quiet small">{description}</span>
                    </span>
                  </button>
                </li>
              );
            })}
          </ul>
        </section>
      ))}
    </div>
  );
}
