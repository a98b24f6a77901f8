// Starts Swagger UI on the document that the page names.
"use strict";

const element = document.getElementById("swagger-ui");

SwaggerUIBundle({
  domNode: element,
  url: element.dataset.document,
  presets: [SwaggerUIBundle.presets.apis],
  layout: "BaseLayout",
  // Swagger UI asks a validator on another host unless it is told not to.
  validatorUrl: null,
  deepLinking: true,
  // The token is gone when the page is: nothing is kept in the browser.
  persistAuthorization: false,
  defaultModelsExpandDepth: -1,
  displayRequestDuration: true,
});
