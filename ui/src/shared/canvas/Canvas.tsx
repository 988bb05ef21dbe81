/** The zoomable canvas: cards, containers with their branches, lines with *+*. Used by the designer and the run view. */
import { Button } from '@fluentui/react-components';
import { AddRegular, ArrowMaximizeVerticalRegular, ArrowMinimizeVerticalRegular, ChevronDownRegular, ChevronUpRegular } from '@fluentui/react-icons';
import { BaseEdge, ControlButton, Controls, EdgeLabelRenderer, getSmoothStepPath, Handle, MiniMap, Position as Side, ReactFlow, ReactFlowProvider, useReactFlow, type Edge, type EdgeProps, type Node, type NodeHandle, type NodeProps } from '@xyflow/react';
import '@xyflow/react/dist/base.css';
import { createContext, useContext, useEffect, useMemo, useRef, useState, type DragEvent, type FocusEvent, type KeyboardEvent, type MouseEvent, type ReactNode, type UIEvent } from 'react';
import { titleOf, type Branch } from '../../flow-model/definition';
import type { Position } from '../../flow-model/edits';
import { CARD, neighbour, TRIGGER_ID, type Box, type Layout, type Line } from '../../flow-model/layout';
import { useText } from '../language';
import { useLook } from '../theme';
import { canvasText } from './text';
import './canvas.css';

export interface CanvasParts {
  /** The inside of a card or of a container's head; `name` null is the trigger. */
  card: (name: string | null) => ReactNode;
  onOpen: (name: string | null, event: MouseEvent<HTMLElement>) => void;
  isSelected: (name: string | null) => boolean;
  /** Something shall be added at the place of the button. Absent where nothing can be added, as in the view of a run. */
  onAdd?: (position: Position, button: HTMLElement) => void;
  /** Cards were dropped on a *+*. */
  onMove?: (name: string, position: Position) => void;
  onMenu?: (name: string | null, event: MouseEvent<HTMLElement>) => void;
  /** The head of a case was chosen: of which container, which case. */
  onCase?: (name: string, label: string) => void;
  /** A case in words: of which container, which case. */
  caseValue?: (name: string, label: string) => string;
  /** Whether a branch is the one that a run took; undefined where none was chosen. */
  isTaken?: (name: string, branch: Branch) => boolean | undefined;
  onKey?: (event: KeyboardEvent, name: string | null) => void;
  /** Closes or opens a container. */
  onFold?: (name: string) => void;
  /** Closes all containers; opens all where one is closed. */
  onFoldAll?: () => void;
  /** Class names and the colour of a card. */
  describe?: (name: string | null) => { className?: string; color?: string };
}

const Parts = createContext<CanvasParts | null>(null);
type BoxNode = Node<{ box: Box }>;

/** From the back: a frame, the lines in it, the containers in it, their frames; a line that passes a container goes behind it. Cards are in front of all. */
const LAYERS = 3;
const layerOf = ({ kind, depth }: Box): number => (kind === 'container' ? (depth + 1) * LAYERS : kind === 'branch' ? depth * LAYERS + 1 : 1000);

/** Where lines begin and end. React Flow would draw every card once to find out; a large flow has too many for that. */
const endsOf = ({ kind, width, height }: Box): NodeHandle[] => {
  const end = (type: 'source' | 'target'): NodeHandle => ({ type, position: type === 'source' ? Side.Bottom : Side.Top, x: width / 2, y: type === 'source' ? height : 0, width: 1, height: 1 });
  return kind === 'branch' ? [] : kind === 'start' ? [end('source')] : [end('target'), end('source')];
};

const hidden = { opacity: 0, pointerEvents: 'none' } as const;
function Ends() {
  return (
    <>
      <Handle type="target" position={Side.Top} style={hidden} isConnectable={false} />
      <Handle type="source" position={Side.Bottom} style={hidden} isConnectable={false} />
    </>
  );
}

const DRAGGED = 'application/x-hookmill-card';

function CardButton({ box, head = false }: { box: Box; head?: boolean }) {
  const parts = useContext(Parts);
  const { name } = box;
  const told = parts?.describe?.(name);
  const isSelected = parts?.isSelected(name) ?? false;
  const drag = (event: DragEvent) => {
    event.dataTransfer.setData(DRAGGED, name ?? '');
    event.dataTransfer.effectAllowed = 'move';
  };
  return (
    <button
      type="button"
      className={`flow-card nopan ${head ? 'head' : ''} ${isSelected ? 'selected' : ''} ${told?.className ?? ''}`}
      style={told?.color ? ({ '--card-color': told.color } as object) : undefined}
      data-card={box.id}
      aria-pressed={isSelected}
      draggable={name !== null && parts?.onMove !== undefined}
      onDragStart={drag}
      onClick={(event) => parts?.onOpen(name, event)}
      onContextMenu={(event) => parts?.onMenu?.(name, event)}
      onKeyDown={(event) => parts?.onKey?.(event, name)}
    >
      {parts?.card(name)}
    </button>
  );
}

/** Closes the container, or opens it and says how much is inside. */
function Fold({ box }: { box: Box }) {
  const t = useText(canvasText);
  const parts = useContext(Parts);
  const { name, inside } = box;
  if (name === null || !parts?.onFold) return null;
  const isOpen = inside === undefined;
  const label = isOpen ? t.fold(titleOf(name)) : t.unfold(titleOf(name), inside);
  return (
    <button type="button" className="flow-fold nopan" data-fold={name} aria-expanded={isOpen} aria-label={label} title={label} onClick={() => parts.onFold?.(name)}>
      {!isOpen && <span aria-hidden>{inside}</span>}
      {isOpen ? <ChevronUpRegular aria-hidden /> : <ChevronDownRegular aria-hidden />}
    </button>
  );
}

function Card({ data }: NodeProps<BoxNode>) {
  const isClosed = data.box.inside !== undefined;
  return (
    <>
      <Ends />
      <div className={isClosed ? 'foldable closed' : 'plain-card'}>
        <CardButton box={data.box} />
        {isClosed && <Fold box={data.box} />}
      </div>
    </>
  );
}

function Container({ data }: NodeProps<BoxNode>) {
  const parts = useContext(Parts);
  return (
    <>
      <Ends />
      <div className={`flow-container ${parts?.onFold ? 'foldable' : ''} ${parts?.isSelected(data.box.name) ? 'selected' : ''}`} data-depth={data.box.depth % 2}>
        <CardButton box={data.box} head />
        <Fold box={data.box} />
      </div>
    </>
  );
}

function BranchFrame({ data }: NodeProps<BoxNode>) {
  const t = useText(canvasText);
  const parts = useContext(Parts);
  const branch = data.box.branch as Branch;
  const { name } = data.box;
  const label = branch.kind === 'case' ? `${t.case}: ${(name !== null && parts?.caseValue?.(name, branch.name ?? '')) || branch.name}` : t[branch.kind];
  const taken = name === null ? undefined : parts?.isTaken?.(name, branch);
  return (
    <div className="flow-branch" data-kind={branch.kind} data-taken={taken}>
      {branch.kind === 'case' && parts?.onCase ? (
        <button type="button" className="nopan" title={t.editCase} onClick={() => name !== null && parts.onCase?.(name, branch.name ?? '')}>{label}</button>
      ) : (
        <span>{label}{taken === true && <span className="taken">{t.taken}</span>}</span>
      )}
    </div>
  );
}

/** A button at which something can be added, and on which a card can be dropped. */
function AddButton({ position, label, text }: { position: Position; label: string; text?: string }) {
  const parts = useContext(Parts);
  const [over, setOver] = useState(false);
  const accepts = (event: DragEvent) => {
    if (!event.dataTransfer.types.includes(DRAGGED)) return;
    event.preventDefault();
    setOver(true);
  };
  return (
    <Button
      shape={text ? 'rounded' : 'circular'}
      size="small"
      className={over ? 'drop-target' : ''}
      icon={<AddRegular />}
      aria-label={label}
      aria-haspopup="menu"
      onClick={(event) => parts?.onAdd?.(position, event.currentTarget)}
      onDragEnter={accepts}
      onDragOver={accepts}
      onDragLeave={() => setOver(false)}
      onDrop={(event) => {
        event.preventDefault();
        setOver(false);
        const name = event.dataTransfer.getData(DRAGGED);
        if (name) parts?.onMove?.(name, position);
      }}
    >
      {text}
    </Button>
  );
}

function Add({ data }: NodeProps<BoxNode>) {
  const t = useText(canvasText);
  const { position } = data.box;
  return (
    <div className="flow-add nopan">
      <Ends />
      {position && <AddButton position={position} label={t.newStep} text={t.newStep} />}
    </div>
  );
}

function LineEdge({ sourceX, sourceY, targetX, targetY, data, id }: EdgeProps<Edge<{ line: Line }>>) {
  const parts = useContext(Parts);
  const t = useText(canvasText);
  const [path, labelX, labelY] = getSmoothStepPath({ sourceX, sourceY, sourcePosition: Side.Bottom, targetX, targetY, targetPosition: Side.Top, borderRadius: 12 });
  const line = data?.line;
  const position = line?.position;
  const statuses = line?.statuses ?? [];
  return (
    <>
      <BaseEdge id={id} path={path} className={statuses.length ? 'special-line' : ''} />
      {(position && parts?.onAdd) || statuses.length ? (
        <EdgeLabelRenderer>
          <div className="flow-plus nopan" style={{ transform: `translate(-50%, -50%) translate(${labelX}px, ${labelY}px)` }}>
            {position && parts?.onAdd && <AddButton position={position} label={`${t.insert}: ${line?.to.replace(/_/g, ' ') ?? ''}`} />}
            {statuses.length > 0 && <span className="flow-statuses">{statuses.map((status) => t.after[status] ?? status).join(', ')}</span>}
          </div>
        </EdgeLabelRenderer>
      ) : null}
    </>
  );
}

function Start() {
  return <Handle type="source" position={Side.Bottom} style={hidden} isConnectable={false} />;
}

const nodeTypes = { card: Card, trigger: Card, container: Container, branch: BranchFrame, add: Add, start: Start };
const edgeTypes = { line: LineEdge };
const MAPPED: { [kind: string]: string } = { card: 'var(--colorNeutralStroke1Pressed)', trigger: 'var(--colorBrandBackground)', container: 'var(--colorNeutralBackground5)' };

/** Below this number everything is drawn, so that search in the page and screen readers find every card. */
const ALL_DRAWN_MAX = 150;
const MAP_FROM = 12;
const MAP = { width: 160, height: 110 };
/** On the map of a very long flow a card would be thinner than this, and the map look empty. */
const MAPPED_MIN = 2;
const hasMap = ({ boxes, width, height }: Layout) => boxes.length > MAP_FROM && CARD.width * Math.min(MAP.width / width, MAP.height / height) >= MAPPED_MIN;

function Inner({ layout, parts, label, focus }: { layout: Layout; parts: CanvasParts; label: string; focus: string | null }) {
  const t = useText(canvasText);
  const flow = useReactFlow();
  const { dark } = useLook();
  const frame = useRef<HTMLDivElement>(null);
  const canAdd = parts.onAdd !== undefined;
  const isAnyClosed = layout.boxes.some((box) => box.inside !== undefined);
  const nodes = useMemo<BoxNode[]>(
    () =>
      layout.boxes
        .filter((box) => box.kind !== 'add' || canAdd)
        .map((box) => ({
          id: box.id,
          type: box.kind,
          position: { x: box.x, y: box.y },
          width: box.width,
          height: box.height,
          data: { box },
          measured: { width: box.width, height: box.height },
          handles: endsOf(box),
          zIndex: layerOf(box),
          draggable: false,
          selectable: false,
          focusable: false,
        })),
    [layout, canAdd],
  );
  const depths = useMemo(() => new Map(layout.boxes.map((box) => [box.id, box.depth])), [layout]);
  const edges = useMemo(
    () =>
      layout.lines
        .filter((line) => canAdd || !line.to.startsWith('add:'))
        .map((line) => ({ id: line.id, source: line.from, target: line.to, type: 'line', data: { line }, ariaLabel: t.line, focusable: false, selectable: false, zIndex: ((depths.get(line.to) ?? 0) + 1) * LAYERS - 1 })),
    [layout, canAdd, depths, t.line],
  );
  const first = useRef(layout);
  useEffect(() => {
    const trigger = first.current.boxes.find((box) => box.id === TRIGGER_ID);
    const width = frame.current?.clientWidth ?? 800;
    // A wide flow is shown whole, as far as its cards stay legible.
    const zoom = Math.max(0.6, Math.min(1, (width - 24) / first.current.width));
    void flow.setViewport({ x: width / 2 - ((trigger?.x ?? 0) + CARD.width / 2) * zoom, y: 24, zoom });
  }, [flow]);
  // A panel beside the canvas takes width: what was in the middle stays there.
  useEffect(() => {
    const element = frame.current;
    if (!element || !('ResizeObserver' in window)) return undefined;
    let width = element.clientWidth;
    const observer = new ResizeObserver(() => {
      const change = element.clientWidth - width;
      width = element.clientWidth;
      const { x, y, zoom } = flow.getViewport();
      if (change !== 0) void flow.setViewport({ x: x + change / 2, y, zoom });
    });
    observer.observe(element);
    return () => observer.disconnect();
  }, [flow]);
  /** Moves the canvas only when the card is out of sight. */
  const show = (id: string) => {
    const box = layout.boxes.find((item) => item.id === id);
    if (!box || !frame.current) return;
    const { x, y, zoom } = flow.getViewport();
    const left = box.x * zoom + x;
    const top = box.y * zoom + y;
    const width = Math.min(box.width, CARD.width);
    if (left < 0 || top < 0 || left + width * zoom > frame.current.clientWidth || top + CARD.height * zoom > frame.current.clientHeight) {
      void flow.setCenter(box.x + box.width / 2, box.y + 120, { zoom });
    }
  };
  useEffect(() => {
    if (focus === null) return undefined;
    // A panel that opens with the choice makes the canvas narrower; the second frame knows by how much.
    let waiting = requestAnimationFrame(() => {
      waiting = requestAnimationFrame(() => show(focus));
    });
    return () => cancelAnimationFrame(waiting);
    // Only when another card gets the attention, not whenever the cards move.
    // eslint-disable-next-line react-hooks/exhaustive-deps
  }, [focus]);
  /** Keys may lead out of sight. Under the mouse nothing may move, or the click would miss. */
  const follow = (event: FocusEvent<HTMLElement>) => {
    if (event.target.matches(':focus-visible')) show(event.target.dataset['card'] ?? '');
  };
  /**
   * What asks a card to come into view (a search in the page, a screen reader) scrolls the frame, and React Flow would
   * scroll it back: the card would be gone again, under a press of the mouse too. The canvas is moved instead.
   */
  const settle = (event: UIEvent<HTMLElement>) => {
    const scrolled = event.target as HTMLElement;
    const { scrollLeft, scrollTop } = scrolled;
    if ((scrollLeft === 0 && scrollTop === 0) || (scrolled !== frame.current && !scrolled.classList.contains('react-flow'))) return;
    const { x, y, zoom } = flow.getViewport();
    scrolled.scrollTo({ left: 0, top: 0, behavior: 'instant' });
    void flow.setViewport({ x: x - scrollLeft, y: y - scrollTop, zoom });
  };
  /** Arrows walk along the lines. */
  const walk = (event: KeyboardEvent) => {
    const card = (event.target as HTMLElement).closest<HTMLElement>('[data-card]');
    if (!card || !event.key.startsWith('Arrow') || event.altKey || event.ctrlKey || event.metaKey) return;
    const next = neighbour(layout, card.dataset.card ?? '', event.key);
    if (!next) return;
    event.preventDefault();
    const { zoom } = flow.getViewport();
    const focusNext = () => frame.current?.querySelector<HTMLElement>(`[data-card="${CSS.escape(next.id)}"]`)?.focus({ preventScroll: true });
    focusNext();
    // A card out of sight may not be drawn yet; it is once the canvas has moved there.
    void flow.setCenter(next.x + next.width / 2, next.y + 120, { zoom }).then(() => requestAnimationFrame(focusNext));
  };
  return (
    <div className="canvas" ref={frame} onKeyDown={walk} onFocus={follow} onScrollCapture={settle} role="region" aria-label={label}>
      <ReactFlow
        nodes={nodes}
        edges={edges}
        nodeTypes={nodeTypes}
        edgeTypes={edgeTypes}
        colorMode={dark ? 'dark' : 'light'}
        nodesDraggable={false}
        nodesConnectable={false}
        elementsSelectable={false}
        nodesFocusable={false}
        edgesFocusable={false}
        disableKeyboardA11y
        panOnScroll
        zoomOnDoubleClick={false}
        deleteKeyCode={null}
        minZoom={0.1}
        maxZoom={1.6}
        onlyRenderVisibleElements={layout.boxes.length > ALL_DRAWN_MAX}
        ariaLabelConfig={{ 'controls.ariaLabel': t.zoom, 'controls.zoomIn.ariaLabel': t.zoomIn, 'controls.zoomOut.ariaLabel': t.zoomOut, 'controls.fitView.ariaLabel': t.fit, 'minimap.ariaLabel': t.map, 'node.a11yDescription.default': '', 'edge.a11yDescription.default': '' }}
        proOptions={{ hideAttribution: true }}
      >
        <Controls showInteractive={false}>
          {parts.onFoldAll && (isAnyClosed || layout.boxes.some((box) => box.kind === 'container')) && (
            <ControlButton onClick={parts.onFoldAll} title={isAnyClosed ? t.unfoldAll : t.foldAll} aria-label={isAnyClosed ? t.unfoldAll : t.foldAll}>
              {isAnyClosed ? <ArrowMaximizeVerticalRegular /> : <ArrowMinimizeVerticalRegular />}
            </ControlButton>
          )}
        </Controls>
        {hasMap(layout) && <MiniMap pannable zoomable className="canvas-map" style={MAP} nodeColor={(node) => MAPPED[node.type ?? ''] ?? 'transparent'} nodeStrokeWidth={0} />}
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
