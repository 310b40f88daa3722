import { createContext, type ReactNode, use, useEffect } from 'react';
import { useStore } from 'zustand';
import type { CameraState } from './camera.ts';
import type { InterfaceState } from './interface.ts';
import type { QueriesState } from './queries.ts';
import type { RecordsState } from './records.ts';
import type { SegmentState } from './segment.ts';
import type { SelectionState } from './selection.ts';
import type { SessionState } from './session.ts';
import type { Studio } from './studio.ts';
import type { ViewState } from './view.ts';

const StudioContext = createContext<Studio | null>(null);

export function StudioProvider({ studio, children }: { studio: Studio; children: ReactNode }) {
  return <StudioContext value={studio}>{children}</StudioContext>;
}

export function useStudio(): Studio {
  const studio = use(StudioContext);
  if (studio === null) throw new Error('useStudio outside of StudioProvider');
  return studio;
}

/** Selectors must return stored values or primitives; use `useShallow` of zustand for fresh objects. */
export function useSession<T>(select: (state: SessionState) => T): T {
  return useStore(useStudio().session, select);
}
export function useRecords<T>(select: (state: RecordsState) => T): T {
  return useStore(useStudio().records, select);
}
export function useSelection<T>(select: (state: SelectionState) => T): T {
  return useStore(useStudio().selection, select);
}
export function useView<T>(select: (state: ViewState) => T): T {
  return useStore(useStudio().view, select);
}
export function useCamera<T>(select: (state: CameraState) => T): T {
  return useStore(useStudio().camera, select);
}
export function useSegment<T>(select: (state: SegmentState) => T): T {
  return useStore(useStudio().segment, select);
}
export function useQueries<T>(select: (state: QueriesState) => T): T {
  return useStore(useStudio().queries, select);
}
export function useInterface<T>(select: (state: InterfaceState) => T): T {
  return useStore(useStudio().ui, select);
}

/** Offers what a command does while this component is mounted; the command is disabled otherwise. */
export function useCommandHandler(id: string, run: () => void): void {
  const { handlers } = useStudio();
  useEffect(() => {
    handlers.set(id, run);
    return () => {
      if (handlers.get(id) === run) handlers.delete(id);
    };
  }, [handlers, id, run]);
}
