/** What needs attention, kind by kind: the first few, how many there are, and all of a kind by page. */
import { Button } from '@fluentui/react-components';
import { CheckmarkCircleRegular, WarningRegular } from '@fluentui/react-icons';
import { useQuery } from '@tanstack/react-query';
import { Link } from '@tanstack/react-router';
import { api } from '../../api/client';
import type { Attention as Item, AttentionPage } from '../../api/types';
import { useLanguage, useText } from '../../shared/language';
import { MorePages, moveBetweenRows, useFilters, usePages } from '../../shared/list';
import { Loaded } from '../../shared/page';
import { inWords } from '../../shared/sentences';
import { homeText } from './text';

type Kind = Item['kind'];
/** So many of each kind stand on the page until somebody wants to see all. */
const FIRST = 3;

function linkOf(item: Item): string {
  const { flow, run, connection } = item;
  if (flow && run) return `/flows/${flow.id}/runs/${run}`;
  if (item.kind === 'connection_broken' && connection) return `/connections/${connection.id}`;
  if (flow) return `/flows/${flow.id}`;
  if (connection) return `/connections/${connection.id}`;
  return item.kind === 'record_damaged' ? '/settings' : '/flows';
}

function List({ items }: { items: Item[] }) {
  const t = useText(homeText);
  const { language } = useLanguage();
  return (
    <ul className="attention">
      {items.map((item) => (
        <li key={`${item.kind} ${item.run ?? item.flow?.id ?? item.connection?.id} ${item.detail}`} data-kind={item.kind}>
          <WarningRegular aria-hidden />
          <div>
            <strong>{item.title}</strong>
            <p>{inWords(item.detail ?? '', language)}</p>
            {item.hint && <p className="quiet">{inWords(item.hint, language)}</p>}
          </div>
          <Link data-row className="button-link" to={linkOf(item)}>{t.open} <span className="visually-hidden">{item.title}</span></Link>
        </li>
      ))}
    </ul>
  );
}

/** All of one kind, page by page. */
function All({ kind }: { kind: Kind }) {
  const query = usePages(['attention', kind], '/api/attention', { kind });
  return (
    <Loaded query={query} rows={3}>
      {(items) => <><List items={items} /><MorePages query={query} /></>}
    </Loaded>
  );
}

function Kinds({ page }: { page: AttentionPage }) {
  const t = useText(homeText);
  const [search, filter] = useFilters<'attention'>();
  if (page.counts.length === 0) return <p className="panel calm"><CheckmarkCircleRegular aria-hidden />{t.allWell}</p>;
  return (
    <div className="stack" onKeyDown={moveBetweenRows}>
      {page.counts.map(({ kind, count, and_more: more }) => {
        const open = search.attention === kind;
        return (
          <section key={kind} className="section" aria-labelledby={`attention-${kind}`}>
            <div className="section-head">
              <h3 id={`attention-${kind}`}>{t.kinds[kind]} <span className="quiet">({more ? t.atLeast(count) : count})</span></h3>
              {count > FIRST && <Button size="small" appearance="subtle" aria-expanded={open} onClick={() => filter({ attention: open ? undefined : kind })}>{open ? t.showFirst : t.showAll}</Button>}
            </div>
            {open ? <All kind={kind} /> : <List items={page.items.filter((item) => item.kind === kind)} />}
          </section>
        );
      })}
    </div>
  );
}

export function Attention() {
  const attention = useQuery({ queryKey: ['attention', 'first'], queryFn: ({ signal }) => api.get('/api/attention', { query: { limit: FIRST }, signal }) });
  return <Loaded query={attention} rows={2}>{(data) => <Kinds page={data} />}</Loaded>;
}
