export function Footer() {
  return (
    <footer>
      <div class="container">
        <a class="logo-font" href="/">
          conduit
        </a>
        <span class="attribution">
          An example of the RealWorld project, running on Ninefold. Code under the Apache License 2.0.
        </span>
      </div>
    </footer>
  );
}
