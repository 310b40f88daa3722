import { useSession } from '../state/index.ts';
import { Icon } from '../ui/index.ts';

/** Over the page, so that nothing moves when the connection goes and comes. */
export function ConnectionBanner() {
  const lost = useSession((state) => state.connection === 'lost' && state.app !== null);
  return (
    <div aria-live="polite">
      {lost && (
        <div className="connection">
          <Icon name="disconnected" />
          Connection to the studio lost. Nothing is lost: what you did is saved. Reconnecting…
        </div>
      )}
    </div>
  );
}
