/** The mark: a splat inside a cube's outline. */
export function Logo({ size = 20 }: { size?: number }) {
  return (
    <svg width={size} height={size} viewBox="0 0 32 32" aria-hidden="true" className="logo">
      <rect width="32" height="32" rx="7" className="logo-ground" />
      <path
        d="M16 6.5 25 11.5v9L16 25.5 7 20.5v-9zM7 11.5 16 16.4l9-4.9M16 16.4v9.1"
        fill="none"
        stroke="#fff"
        strokeWidth="1.8"
        strokeLinejoin="round"
      />
      <circle cx="16" cy="16.2" r="2.6" fill="#fff" />
    </svg>
  );
}
