/** The zoomable canvas: cards, containers with their branches, lines with *+*. Used by the designer and the run view. */
import { Button } from '@fluentui/react-components';
import { AddRegular } from '@fluentui/react-icons';
import { BaseEdge, Controls, EdgeLabelRenderer, getSmoothStepPath, Handle, MiniMap, Position as Side, ReactFlow, ReactFlowProvider, useReactFlow, type Edge, type EdgeProps, type Node, type NodeProps } from '@xyflow/react';
import '@xyflow/react/dist/base.css';
import { createContext, useContext, useEffect, useMemo, useRef, type KeyboardEvent, type ReactNode } from 'react';
import type { Branch } from '../../flow-model/definition';
import type { Position } from '../../flow-model/edits';
import { CARD, TRIGGER_ID, type Box, type Layout, type Line } from '../../flow-model/layout';
import { useText } from '../language';
import { useLook } from '../theme';
import { canvasText } from './text';
import './canvas.css';

export interface CanvasParts {
  /** The inside of a card; `name` null is the trigger. */
  card: (name: string | null) => ReactNode;
  /** Heading of a container. */
  head: (name: string) => ReactNode;
  onOpen: (name: string | null) => void;
  isSelected: (name: string | null) => boolean;
  /** Absent where nothing can be added, as in the view of a run. */
  onAdd?: (position: Position, place: HTMLElement) => void;
  /** The content of a button at the end of a place. */
  addButton?: (position: Position) => ReactNode;
  /** Further words for screen readers and class names of a card. */
  describe?: (name: string | null) => { label: string; className?: string };
  onKey?: (event: KeyboardEvent, name: string | null) => void;
}

const Parts = createContext<CanvasParts | null>(null);
type BoxNode = Node<{ box: Box }>;

const hidden = { opacity: 0, pointerEvents: 'none' } as const;
function Ends() {
  return (
    <>
      <Handle type="target" position={Side.Top} style={hidden} isConnectable={false} />
      <Handle type="source" position={Side.Bottom} style={hidden} isConnectable={false} />
    </>
  );
}

function Card({ data }: NodeProps<BoxNode>) {
  const parts = useContext(Parts);
  const name = data.box.name;
  const told = parts?.describe?.(name);
  return (
    <>
      <Ends />
      <button
        type="button"
        className={`flow-card nopan ${parts?.isSelected(name) ? 'selected' : ''} ${told?.className ?? ''}`}
        data-card={data.box.id}
        aria-label={told?.label}
        onClick={() => parts?.onOpen(name)}
        onKeyDown={(event) => parts?.onKey?.(event, name)}
      >
        {parts?.card(name)}
      </button>
    </>
  );
}

function Container({ data }: NodeProps<BoxNode>) {
  const parts = useContext(Parts);
  const name = data.box.name ?? '';
  const told = parts?.describe?.(name);
  return (
    <>
      <Ends />
      <div className={`flow-container ${parts?.isSelected(name) ? 'selected' : ''}`} data-depth={data.box.depth % 2}>
        <button
          type="button"
          className={`flow-card head nopan ${told?.className ?? ''}`}
          data-card={data.box.id}
          aria-label={told?.label}
          onClick={() => parts?.onOpen(name)}
          onKeyDown={(event) => parts?.onKey?.(event, name)}
        >
          {parts?.head(name)}
        </button>
      </div>
    </>
  );
}

function BranchFrame({ data }: NodeProps<BoxNode>) {
  const t = useText(canvasText);
  const branch = data.box.branch as Branch;
  return (
    <div className="flow-branch" data-kind={branch.kind}>
      <span>{branch.kind === 'case' ? `${t.case}: ${branch.name}` : t[branch.kind]}</span>
    </div>
  );
}

function Add({ data }: NodeProps<BoxNode>) {
  const parts = useContext(Parts);
  const position = data.box.position;
  return (
    <div className="flow-add nopan">
      <Ends />
      {position && parts?.addButton?.(position)}
    </div>
  );
}

function LineEdge({ sourceX, sourceY, targetX, targetY, data, id }: EdgeProps<Edge<{ line: Line }>>) {
  const parts = useContext(Parts);
  const t = useText(canvasText);
  const [path, labelX, labelY] = getSmoothStepPath({ sourceX, sourceY, sourcePosition: Side.Bottom, targetX, targetY, targetPosition: Side.Top, borderRadius: 12 });
  const line = data?.line;
  const position = line?.position;
  return (
    <>
      <BaseEdge id={id} path={path} className={line?.statuses.length ? 'special-line' : ''} />
      {(position && parts?.onAdd) || line?.statuses.length ? (
        <EdgeLabelRenderer>
          <div className="flow-plus nopan" style={{ transform: `translate(-50%, -50%) translate(${labelX}px, ${labelY}px)` }}>
            {line && line.statuses.length > 0 && <span className="flow-statuses" title={line.statuses.join(', ')}>{line.statuses.join(', ')}</span>}
            {position && parts?.onAdd && (
              <Button shape="circular" size="small" icon={<AddRegular />} aria-label={`${t.insert}: ${line?.to ?? ''}`} onClick={(event) => parts.onAdd?.(position, event.currentTarget)} />
            )}
          </div>
        </EdgeLabelRenderer>
      ) : null}
    </>
  );
}

const nodeTypes = { card: Card, trigger: Card, container: Container, branch: BranchFrame, add: Add };
const edgeTypes = { line: LineEdge };

function Inner({ layout, parts, label, focus }: { layout: Layout; parts: CanvasParts; label: string; focus: string | null }) {
  const flow = useReactFlow();
  const { dark } = useLook();
  const frame = useRef<HTMLDivElement>(null);
  const nodes = useMemo<BoxNode[]>(
    () =>
      layout.boxes
        .filter((box) => box.kind !== 'add' || parts.addButton)
        .map((box) => ({
          id: box.id,
          type: box.kind,
          position: { x: box.x, y: box.y },
          width: box.width,
          height: box.height,
          data: { box },
          zIndex: box.kind === 'container' ? box.depth * 2 : box.kind === 'branch' ? box.depth * 2 - 1 : 1000,
          draggable: false,
          selectable: false,
          focusable: false,
        })),
    [layout, parts.addButton],
  );
  const edges = useMemo(
    () =>
      layout.lines
        .filter((line) => parts.addButton || !line.to.startsWith('add:'))
        .map((line) => ({ id: line.id, source: line.from, target: line.to, type: 'line', data: { line }, focusable: false, selectable: false, zIndex: 900 })),
    [layout, parts.addButton],
  );
  const first = useRef(layout);
  useEffect(() => {
    const trigger = first.current.boxes.find((box) => box.id === TRIGGER_ID);
    const width = frame.current?.clientWidth ?? 800;
    const zoom = width < 500 ? 0.85 : 1;
    void flow.setViewport({ x: width / 2 - ((trigger?.x ?? 0) + CARD.width / 2) * zoom, y: 28, zoom });
  }, [flow]);
  useEffect(() => {
    if (focus === null) return;
    const box = layout.boxes.find((item) => item.id === focus);
    if (!box || !frame.current) return;
    const { x, y, zoom } = flow.getViewport();
    const left = box.x * zoom + x;
    const top = box.y * zoom + y;
    if (left < 0 || top < 0 || left + CARD.width * zoom > frame.current.clientWidth || top + CARD.height * zoom > frame.current.clientHeight) {
      void flow.setCenter(box.x + box.width / 2, box.y + 120, { zoom });
    }
    // Only when another card gets the attention, not whenever the cards move.
    // eslint-disable-next-line react-hooks/exhaustive-deps
  }, [focus]);
  /** Arrows walk along the lines. */
  const walk = (event: KeyboardEvent) => {
    const card = (event.target as HTMLElement).closest<HTMLElement>('[data-card]');
    if (!card || !event.key.startsWith('Arrow') || event.altKey || event.ctrlKey || event.metaKey) return;
    const from = card.dataset.card ?? '';
    const box = layout.boxes.find((item) => item.id === from);
    if (!box) return;
    const candidates = layout.boxes.filter((item) => (item.kind === 'card' || item.kind === 'container' || item.kind === 'trigger') && item.id !== from);
    const vertical = event.key === 'ArrowDown' || event.key === 'ArrowUp';
    const sign = event.key === 'ArrowDown' || event.key === 'ArrowRight' ? 1 : -1;
    const centre = (item: Box) => ({ x: item.x + item.width / 2, y: item.y + 30 });
    const here = centre(box);
    const rated = candidates
      .map((item) => {
        const there = centre(item);
        const along = (vertical ? there.y - here.y : there.x - here.x) * sign;
        const across = Math.abs(vertical ? there.x - here.x : there.y - here.y);
        return { item, along, rate: along + across * 2 };
      })
      .filter(({ along }) => along > 8)
      .sort((a, b) => a.rate - b.rate);
    const next = rated[0]?.item;
    if (!next) return;
    event.preventDefault();
    const { zoom } = flow.getViewport();
    const focusNext = () => frame.current?.querySelector<HTMLElement>(`[data-card="${CSS.escape(next.id)}"]`)?.focus({ preventScroll: true });
    if (frame.current?.querySelector(`[data-card="${CSS.escape(next.id)}"]`)) focusNext();
    void flow.setCenter(next.x + next.width / 2, next.y + 120, { zoom }).then(focusNext);
  };
  return (
    <div className="canvas" ref={frame} onKeyDown={walk} role="region" aria-label={label}>
      <ReactFlow
        nodes={nodes}
        edges={edges}
        nodeTypes={nodeTypes}
        edgeTypes={edgeTypes}
        colorMode={dark ? 'dark' : 'light'}
        nodesDraggable={false}
        nodesConnectable={false}
        elementsSelectable={false}
        panOnScroll
        zoomOnDoubleClick={false}
        deleteKeyCode={null}
        minZoom={0.1}
        maxZoom={1.6}
        // Below this number everything is drawn, so that search in the page and screen readers find every card.
        onlyRenderVisibleElements={layout.boxes.length > 150}
        proOptions={{ hideAttribution: true }}
      >
        <Controls showInteractive={false} />
        {layout.boxes.length > 12 && <MiniMap pannable zoomable className="canvas-map" />}
      </ReactFlow>
    </div>
  );
}

export function Canvas(props: { layout: Layout; parts: CanvasParts; label: string; focus: string | null }) {
  return (
    <ReactFlowProvider>
      <Parts.Provider value={props.parts}>
        <Inner {...props} />
      </Parts.Provider>
    </ReactFlowProvider>
  );
}
