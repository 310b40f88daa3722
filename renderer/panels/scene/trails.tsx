/** Where the selected objects were over time, and where an unseen one is remembered. */
import { useThree } from '@react-three/fiber';
import { useEffect, useMemo, useState } from 'react';
import { BufferAttribute, BufferGeometry, Color } from 'three';
import type { ObjectView, TrackTrail } from '../../../contract/index.ts';
import { useRecords, useSelection, useStudio } from '../../state/index.ts';
import { placeAt } from './trail-places.ts';

/** Trails of more objects hide one another. */
const MAX_TRAILS = 20;

export function Trails({ objects }: { objects: readonly ObjectView[] }) {
  const trails = useTrails();
  const byId = useMemo(() => new Map(objects.map((object) => [object.id, object])), [objects]);
  return trails.map((trail) => {
    const object = byId.get(trail.objectId);
    return object === undefined || object.hidden || trail.positions.length === 0 ? null : (
      <Trail key={trail.objectId} trail={trail} color={object.color} />
    );
  });
}

/** Of the selected objects, asked again when their observations change. */
function useTrails(): readonly TrackTrail[] {
  const studio = useStudio();
  const selected = useSelection((state) => state.objects);
  const revision = useRecords((state) =>
    state.objects.status === 'ready' ? state.objects.value.observationsRevision : null,
  );
  const [trails, setTrails] = useState<readonly TrackTrail[]>([]);
  useEffect(() => {
    const ids = selected.slice(-MAX_TRAILS);
    if (revision === null || ids.length === 0) {
      setTrails([]);
      return;
    }
    const controller = new AbortController();
    studio.transport
      .call('tracks.trails', { ids }, { signal: controller.signal })
      .then(({ trails: found }) => {
        if (!controller.signal.aborted) setTrails(found);
      })
      // Without trails the objects are still marked where they are now.
      .catch(() => undefined);
    return () => controller.abort();
  }, [studio, selected, revision]);
  return trails;
}

function Trail({ trail, color }: { trail: TrackTrail; color: string }) {
  const frame = useSelection((state) => state.frame);
  const line = useMemo(() => lineOf(trail, color), [trail, color]);
  const invalidate = useThree((state) => state.invalidate);
  const place = placeAt(trail, frame);
  const x = place?.point[0] ?? 0;
  const y = place?.point[1] ?? 0;
  const z = place?.point[2] ?? 0;
  const marker = useMemo(() => {
    const made = new BufferGeometry();
    made.setAttribute('position', new BufferAttribute(Float32Array.of(x, y, z), 3));
    return made;
  }, [x, y, z]);
  useEffect(() => {
    invalidate();
    return () => line.dispose();
  }, [line, invalidate]);
  useEffect(() => {
    invalidate();
    return () => marker.dispose();
  }, [marker, invalidate]);
  return (
    <>
      <lineSegments geometry={line} frustumCulled={false} renderOrder={3}>
        <lineBasicMaterial vertexColors depthTest={false} transparent opacity={0.9} />
      </lineSegments>
      {place !== null && (
        <points geometry={marker} frustumCulled={false} renderOrder={4}>
          {/* Remembered ones are larger and see-through: there is nothing to be seen there now. */}
          <pointsMaterial
            color={color}
            size={place.seen ? 10 : 22}
            sizeAttenuation={false}
            depthTest={false}
            transparent
            opacity={place.seen ? 1 : 0.45}
          />
        </points>
      )}
    </>
  );
}

/** From sighting to sighting; darker, the longer ago. Gaps in time are joined: the thing has gone that way. */
function lineOf({ points, positions }: TrackTrail, color: string): BufferGeometry {
  const count = Math.max(0, positions.length - 1);
  const vertices = new Float32Array(count * 6);
  const colors = new Float32Array(count * 6);
  const full = new Color(color);
  for (let i = 0; i < count; i++) {
    vertices.set(points.slice(3 * i, 3 * i + 6), 6 * i);
    const age = 0.25 + (0.75 * (i + 1)) / count;
    for (let k = 0; k < 6; k += 3) colors.set([full.r * age, full.g * age, full.b * age], 6 * i + k);
  }
  const made = new BufferGeometry();
  made.setAttribute('position', new BufferAttribute(vertices, 3));
  made.setAttribute('color', new BufferAttribute(colors, 3));
  return made;
}
