/** The code editor, fetched when the first one is shown. */
import { lazy, Suspense } from 'react';
import type { CodeEditorProps } from './CodeEditor';
import { Loading } from './page';

const Editor = lazy(() => import('./CodeEditor').then((module) => ({ default: module.CodeEditor })));

export function LazyCodeEditor(props: CodeEditorProps) {
  return (
    <Suspense fallback={<Loading rows={3} />}>
      <Editor {...props} />
    </Suspense>
  );
}
