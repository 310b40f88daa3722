import { useState } from 'react';
import { type ImportPreview, routes } from '../../../contract/index.ts';
import { IconButton, plural } from '../../ui/index.ts';

const PHOTO_WIDTH_PX = 480;

/** A photo with the sparse points over it: where they project, and where the source saw them. */
export function SampleView({ preview }: { preview: ImportPreview }) {
  const [index, setIndex] = useState(0);
  const [broken, setBroken] = useState(false);
  const { samples } = preview;
  const sample = samples[Math.min(index, samples.length - 1)];
  if (sample === undefined) return null;
  const { frame, width, height, projected, observed } = sample;
  const radius = Math.max(width, height) / 240;
  const pairs = (flat: readonly number[]) =>
    Array.from(
      { length: Math.floor(flat.length / 2) },
      (_, i) => [flat[i * 2] as number, flat[i * 2 + 1] as number] as const,
    );

  function go(by: number) {
    setBroken(false);
    setIndex((index + by + samples.length) % samples.length);
  }

  return (
    <figure className="sample">
      <div className="sample-photo">
        {broken ? (
          <p>The photo {frame} cannot be shown.</p>
        ) : (
          <>
            <img
              src={routes.previewPhoto(preview.path, frame, PHOTO_WIDTH_PX)}
              alt={`${frame} as photographed`}
              width={width}
              height={height}
              onError={() => setBroken(true)}
            />
            <svg viewBox={`0 0 ${width} ${height}`} aria-hidden="true">
              {pairs(observed).map(([x, y]) => (
                <circle
                  key={`o${x} ${y}`}
                  cx={x}
                  cy={y}
                  r={radius * 1.8}
                  className="sample-observed"
                  strokeWidth={radius * 0.6}
                />
              ))}
              {pairs(projected).map(([x, y]) => (
                <circle key={`p${x} ${y}`} cx={x} cy={y} r={radius} className="sample-projected" />
              ))}
            </svg>
          </>
        )}
      </div>
      <figcaption>
        <span className="sample-name" title={frame}>
          {frame}
        </span>
        <span className="top-bar-faint">
          {projected.length === 0 ? 'no points here' : `${plural(projected.length / 2, 'point')} projected`}
        </span>
        {samples.length > 1 && (
          <>
            <IconButton size="small" icon="chevron-left" label="Previous sample" onClick={() => go(-1)} />
            <IconButton size="small" icon="chevron-right" label="Next sample" onClick={() => go(1)} />
          </>
        )}
      </figcaption>
    </figure>
  );
}
