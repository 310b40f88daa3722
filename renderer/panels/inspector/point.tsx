import { runCommand } from '../../commands/index.ts';
import { type PickedPoint, useRecords, useStudio } from '../../state/index.ts';
import { Button, formatCount, formatFixed, formatPercent } from '../../ui/index.ts';
import { Vector } from './frame.tsx';
import { Chip, Fact, Section } from './parts.tsx';

export function PointInspector({ point }: { point: PickedPoint }) {
  const studio = useStudio();
  const object = useRecords((state) =>
    state.objects.status === 'ready' ? state.objects.value.objects.find(({ id }) => id === point.objectId) : undefined,
  );
  return (
    <>
      <div className="inspector-title">
        <h2>Picked point</h2>
      </div>
      <Section title="Surface">
        <dl className="inspector-facts">
          <Fact name="Position" copy={point.position.join(' ')}>
            <Vector values={point.position} digits={4} />
          </Fact>
          <Fact name="Depth" copy={String(point.depth)}>
            {formatFixed(point.depth, 4)}
          </Fact>
          <Fact name="Opacity">{formatPercent(point.alpha)}</Fact>
          <Fact name="Gaussian" copy={String(point.gaussian)}>
            {formatCount(point.gaussian)}
          </Fact>
        </dl>
      </Section>
      <Section title="Object">
        {object === undefined ? (
          <p className="inspector-note">This Gaussian belongs to no object.</p>
        ) : (
          <div className="inspector-chips">
            <Chip color={object.color} onClick={() => studio.selectObjects([object.id])}>
              {object.name}
            </Chip>
          </div>
        )}
      </Section>
      <div className="inspector-links">
        <Button
          size="small"
          icon="target"
          onClick={() => {
            studio.showPanel('scene');
            runCommand(studio, 'scene.focus');
          }}
        >
          Look at it
        </Button>
        <Button size="small" icon="close" onClick={() => studio.selectPoint(null)}>
          Let go
        </Button>
      </div>
    </>
  );
}
