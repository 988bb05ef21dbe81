/** A JSON value as a tree or as text, with copy and download. Deep parts are opened on demand. */
import { Button, Tab, TabList } from '@fluentui/react-components';
import { ArrowDownloadRegular } from '@fluentui/react-icons';
import { useMemo, useState } from 'react';
import type { Json } from '../api/types';
import { CopyButton, saveFile } from './bits';
import { useText } from './language';
import { sharedText } from './text';

/** More members than this are not drawn at once. */
const SHOWN = 100;

function Leaf({ value }: { value: null | boolean | number | string }) {
  const kind = value === null ? 'null' : typeof value;
  return (
    <span className={`json-${kind}`} dir="auto">
      {typeof value === 'string' ? (value.length > 2000 ? `${value.slice(0, 2000)}…` : value) : String(value)}
    </span>
  );
}

function Branch({ name, value, depth }: { name?: string; value: Json; depth: number }) {
  const t = useText(sharedText);
  const [limit, setLimit] = useState(SHOWN);
  const [open, setOpen] = useState(depth < 2);
  if (typeof value !== 'object' || value === null) {
    return (
      <div className="json-line">
        {name !== undefined && <span className="json-name">{name}</span>} <Leaf value={value} />
      </div>
    );
  }
  const entries = Array.isArray(value) ? value.map((item, index): [string, Json] => [String(index), item]) : Object.entries(value);
  const count = Array.isArray(value) ? `[${entries.length}]` : `{${entries.length}}`;
  if (entries.length === 0) {
    return (
      <div className="json-line">
        {name !== undefined && <span className="json-name">{name}</span>} <span className="quiet">{Array.isArray(value) ? '[ ]' : '{ }'}</span>
      </div>
    );
  }
  const body = (
    <div className={name === undefined ? '' : 'json-inner'}>
      {entries.slice(0, limit).map(([key, item]) => (
        <Branch key={key} name={key} value={item} depth={depth + 1} />
      ))}
      {entries.length > limit && (
        <Button size="small" appearance="transparent" onClick={() => setLimit(limit + SHOWN * 5)}>
          {t.loadMore} ({entries.length - limit})
        </Button>
      )}
    </div>
  );
  if (name === undefined) return body;
  return (
    <details open={open} onToggle={(event) => setOpen(event.currentTarget.open)}>
      <summary>
        <span className="json-name">{name}</span> <span className="quiet">{count}</span>
      </summary>
      {open && body}
    </details>
  );
}

export function JsonView({ value, fileName = 'value.json' }: { value: Json | undefined; fileName?: string }) {
  const t = useText(sharedText);
  const [view, setView] = useState<'tree' | 'raw'>('tree');
  const text = useMemo(() => JSON.stringify(value ?? null, null, 2), [value]);
  if (value === undefined) return <p className="quiet">{t.empty}</p>;
  const simple = typeof value !== 'object' || value === null;
  return (
    <div className="json">
      <div className="json-head">
        {!simple && (
          <TabList size="small" selectedValue={view} onTabSelect={(_, data) => setView(data.value as 'tree' | 'raw')}>
            <Tab value="tree">{t.tree}</Tab>
            <Tab value="raw">{t.raw}</Tab>
          </TabList>
        )}
        <span className="grow" />
        <CopyButton text={simple ? String(value) : text} />
        <Button size="small" appearance="subtle" icon={<ArrowDownloadRegular />} aria-label={t.download} onClick={() => saveFile(fileName, text)} />
      </div>
      {view === 'raw' && !simple ? <pre tabIndex={0}>{text}</pre> : <Branch value={value} depth={0} />}
    </div>
  );
}
