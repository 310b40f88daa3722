import { useSession } from '../state/index.ts';
import { Icon } from '../ui/index.ts';

/** Over the page, so that nothing moves when the connection goes and comes. */
export function ConnectionBanner() {
  const lost = useSession((state) => state.connection === 'lost' && state.app !== null);
  const problem = useSession((state) => state.connectionProblem);
  return (
    <div aria-live="polite">
      {lost && (
        <div className="connection">
          <Icon name="disconnected" />
          {problem === null
            ? 'Connection to the studio lost. What you did is saved. Reconnecting…'
            : [problem.message, problem.hint].filter(Boolean).join(' ')}
        </div>
      )}
    </div>
  );
}
