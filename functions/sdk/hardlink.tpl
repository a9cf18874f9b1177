___TERMS_OF_SERVICE___

By creating or modifying this file you agree to Google Tag Manager's Community
Template Gallery Developer Terms of Service available at
https://developers.google.com/tag-manager/gallery-tos (or such other URL as
Google may provide), as modified from time to time.


___INFO___

{
  "type": "TAG",
  "id": "cvt_temp_public_id",
  "version": 1,
  "securityGroups": [],
  "displayName": "Hardlink",
  "categories": [
    "ANALYTICS",
    "PERSONALIZATION",
    "ATTRIBUTION"
  ],
  "brand": {
    "id": "brand_dummy",
    "displayName": ""
  },
  "description": "Sends events, activities, identities and consent to your Hardlink. What visitors do before they log in is assigned to their customer once they do.",
  "containerContexts": [
    "WEB"
  ]
}


___TEMPLATE_PARAMETERS___

[
  {
    "type": "SELECT",
    "name": "tagType",
    "displayName": "Tag type",
    "macrosInSelect": false,
    "simpleValueType": true,
    "selectItems": [
      {
        "value": "start",
        "displayValue": "Start the SDK"
      },
      {
        "value": "event",
        "displayValue": "Send an event"
      },
      {
        "value": "activity",
        "displayValue": "Send an activity (Attraqt XO)"
      },
      {
        "value": "identify",
        "displayValue": "Identify the visitor"
      },
      {
        "value": "update",
        "displayValue": "Update the visitor's attributes"
      },
      {
        "value": "anonymize",
        "displayValue": "Anonymize (log-out): start a new, anonymous session"
      },
      {
        "value": "optIn",
        "displayValue": "Opt in"
      },
      {
        "value": "optOut",
        "displayValue": "Opt out"
      }
    ],
    "defaultValue": "event"
  },
  {
    "type": "GROUP",
    "name": "service",
    "displayName": "Your Hardlink",
    "groupStyle": "ZIPPY_OPEN",
    "subParams": [
      {
        "type": "TEXT",
        "name": "url",
        "displayName": "API URL",
        "simpleValueType": true,
        "help": "The URL of your Hardlink API: the output Url of its CloudFormation stack.",
        "valueValidators": [
          {
            "type": "NON_EMPTY",
            "errorMessage": "Enter the URL of your Hardlink API."
          },
          {
            "type": "REGEX",
            "args": [
              "^https://[A-Za-z0-9.-]+(:[0-9]+)?/*$"
            ],
            "errorMessage": "Enter https:// and a host without a path, such as https://api.shop.example"
          }
        ],
        "valueHint": "https://api.shop.example"
      },
      {
        "type": "TEXT",
        "name": "writeKey",
        "displayName": "Write key",
        "simpleValueType": true,
        "help": "The write key of your source. It is public.",
        "valueValidators": [
          {
            "type": "NON_EMPTY",
            "errorMessage": "Enter the write key of your source."
          }
        ]
      }
    ],
    "enablingConditions": [
      {
        "paramName": "tagType",
        "paramValue": "start",
        "type": "EQUALS"
      }
    ]
  },
  {
    "type": "GROUP",
    "name": "event",
    "displayName": "Event",
    "groupStyle": "ZIPPY_OPEN",
    "subParams": [
      {
        "type": "TEXT",
        "name": "eventType",
        "displayName": "Type",
        "simpleValueType": true,
        "help": "For example: purchase",
        "valueValidators": [
          {
            "type": "NON_EMPTY",
            "errorMessage": "Enter the type of the event."
          }
        ]
      },
      {
        "type": "SIMPLE_TABLE",
        "name": "properties",
        "displayName": "Properties",
        "help": "Empty and undefined values are omitted.",
        "newRowButtonText": "Add property",
        "simpleTableColumns": [
          {
            "type": "TEXT",
            "name": "name",
            "displayName": "Name",
            "isUnique": true,
            "defaultValue": "",
            "valueValidators": [
              {
                "type": "NON_EMPTY"
              }
            ]
          },
          {
            "type": "TEXT",
            "name": "value",
            "displayName": "Value",
            "defaultValue": ""
          }
        ]
      },
      {
        "type": "SELECT",
        "name": "propertiesObject",
        "displayName": "Properties from an object",
        "macrosInSelect": true,
        "simpleValueType": true,
        "selectItems": [],
        "help": "A variable that contains an object, such as ecommerce in the data layer. Properties in the table above take precedence.",
        "notSetText": "None"
      }
    ],
    "enablingConditions": [
      {
        "paramName": "tagType",
        "paramValue": "event",
        "type": "EQUALS"
      }
    ]
  },
  {
    "type": "GROUP",
    "name": "activity",
    "displayName": "Activity",
    "groupStyle": "ZIPPY_OPEN",
    "subParams": [
      {
        "type": "TEXT",
        "name": "action",
        "displayName": "Action",
        "simpleValueType": true,
        "help": "click, view, add-to-cart, remove-from-cart, purchase (one activity for each item of the order), or a name of your own.",
        "valueValidators": [
          {
            "type": "NON_EMPTY",
            "errorMessage": "Enter the action."
          }
        ]
      },
      {
        "type": "SIMPLE_TABLE",
        "name": "target",
        "displayName": "Target",
        "help": "The object of the action, for example product and its ID.",
        "newRowButtonText": "Add target",
        "simpleTableColumns": [
          {
            "type": "TEXT",
            "name": "name",
            "displayName": "Name",
            "isUnique": true,
            "defaultValue": "",
            "valueValidators": [
              {
                "type": "NON_EMPTY"
              }
            ]
          },
          {
            "type": "TEXT",
            "name": "value",
            "displayName": "Value",
            "defaultValue": ""
          }
        ]
      },
      {
        "type": "TEXT",
        "name": "sourceId",
        "displayName": "Source ID",
        "simpleValueType": true,
        "help": "ID of the recommendation or search response that led to the activity."
      },
      {
        "type": "SIMPLE_TABLE",
        "name": "metadata",
        "displayName": "Metadata",
        "help": "For example price (of one item, in cents), quantity, currency and orderId.",
        "newRowButtonText": "Add metadata",
        "simpleTableColumns": [
          {
            "type": "TEXT",
            "name": "name",
            "displayName": "Name",
            "isUnique": true,
            "defaultValue": "",
            "valueValidators": [
              {
                "type": "NON_EMPTY"
              }
            ]
          },
          {
            "type": "TEXT",
            "name": "value",
            "displayName": "Value",
            "defaultValue": ""
          }
        ]
      },
      {
        "type": "TEXT",
        "name": "activitySegments",
        "displayName": "Segments of the activity",
        "simpleValueType": true,
        "help": "Separated by commas, or a variable that contains a list."
      }
    ],
    "enablingConditions": [
      {
        "paramName": "tagType",
        "paramValue": "activity",
        "type": "EQUALS"
      }
    ]
  },
  {
    "type": "GROUP",
    "name": "identity",
    "displayName": "Identities",
    "groupStyle": "ZIPPY_OPEN",
    "subParams": [
      {
        "type": "SIMPLE_TABLE",
        "name": "identities",
        "displayName": "Identities",
        "help": "The visitor's IDs by repository: an identifier type that your project declares, or one of its spellings. Empty values and placeholders (undefined, null, 0, guest, ...) are omitted.",
        "newRowButtonText": "Add identity",
        "simpleTableColumns": [
          {
            "type": "TEXT",
            "name": "name",
            "displayName": "Identity repository",
            "isUnique": true,
            "defaultValue": "",
            "valueValidators": [
              {
                "type": "NON_EMPTY"
              },
              {
                "type": "REGEX",
                "args": [
                  "^[A-Za-z0-9_.-]+$"
                ],
                "errorMessage": "Use only letters, digits, and the characters _ . -"
              }
            ]
          },
          {
            "type": "TEXT",
            "name": "value",
            "displayName": "Identity",
            "defaultValue": ""
          }
        ]
      },
      {
        "type": "TEXT",
        "name": "sessionId",
        "displayName": "Session ID",
        "simpleValueType": true,
        "help": "Only if your site has its own session ID. Otherwise the SDK creates one and stores it."
      }
    ],
    "enablingConditions": [
      {
        "paramName": "tagType",
        "paramValue": "start",
        "type": "EQUALS"
      },
      {
        "paramName": "tagType",
        "paramValue": "event",
        "type": "EQUALS"
      },
      {
        "paramName": "tagType",
        "paramValue": "activity",
        "type": "EQUALS"
      },
      {
        "paramName": "tagType",
        "paramValue": "identify",
        "type": "EQUALS"
      }
    ]
  },
  {
    "type": "GROUP",
    "name": "user",
    "displayName": "Segments and traits",
    "groupStyle": "ZIPPY_CLOSED",
    "subParams": [
      {
        "type": "SIMPLE_TABLE",
        "name": "segments",
        "displayName": "Segments",
        "help": "Enter true, or false if the visitor no longer belongs to the segment.",
        "newRowButtonText": "Add segment",
        "simpleTableColumns": [
          {
            "type": "TEXT",
            "name": "name",
            "displayName": "Segment",
            "isUnique": true,
            "defaultValue": "",
            "valueValidators": [
              {
                "type": "NON_EMPTY"
              }
            ]
          },
          {
            "type": "TEXT",
            "name": "value",
            "displayName": "Belongs to segment",
            "defaultValue": ""
          }
        ]
      },
      {
        "type": "SIMPLE_TABLE",
        "name": "traits",
        "displayName": "Traits",
        "help": "For example age and 32.",
        "newRowButtonText": "Add trait",
        "simpleTableColumns": [
          {
            "type": "TEXT",
            "name": "name",
            "displayName": "Name",
            "isUnique": true,
            "defaultValue": "",
            "valueValidators": [
              {
                "type": "NON_EMPTY"
              }
            ]
          },
          {
            "type": "TEXT",
            "name": "value",
            "displayName": "Value",
            "defaultValue": ""
          }
        ]
      }
    ],
    "enablingConditions": [
      {
        "paramName": "tagType",
        "paramValue": "activity",
        "type": "EQUALS"
      }
    ]
  },
  {
    "type": "GROUP",
    "name": "values",
    "displayName": "Attributes",
    "groupStyle": "ZIPPY_OPEN",
    "subParams": [
      {
        "type": "SIMPLE_TABLE",
        "name": "attributes",
        "displayName": "Attributes",
        "help": "Attributes of the customer. Empty and undefined values are omitted.",
        "newRowButtonText": "Add attribute",
        "simpleTableColumns": [
          {
            "type": "TEXT",
            "name": "name",
            "displayName": "Name",
            "isUnique": true,
            "defaultValue": "",
            "valueValidators": [
              {
                "type": "NON_EMPTY"
              }
            ]
          },
          {
            "type": "TEXT",
            "name": "value",
            "displayName": "Value",
            "defaultValue": ""
          }
        ]
      }
    ],
    "enablingConditions": [
      {
        "paramName": "tagType",
        "paramValue": "identify",
        "type": "EQUALS"
      },
      {
        "paramName": "tagType",
        "paramValue": "update",
        "type": "EQUALS"
      }
    ]
  },
  {
    "type": "GROUP",
    "name": "options",
    "displayName": "Options",
    "groupStyle": "ZIPPY_CLOSED",
    "subParams": [
      {
        "type": "CHECKBOX",
        "name": "visits",
        "checkboxText": "Track page visits",
        "simpleValueType": true,
        "defaultValue": true,
        "help": "Sends page_visit on every page load and navigation."
      },
      {
        "type": "CHECKBOX",
        "name": "ping",
        "checkboxText": "Send pings",
        "simpleValueType": true,
        "defaultValue": true,
        "help": "Sends session_ping every two minutes. The service derives sessions from them."
      },
      {
        "type": "SIMPLE_TABLE",
        "name": "defaultProperties",
        "displayName": "Properties of every event",
        "newRowButtonText": "Add property",
        "simpleTableColumns": [
          {
            "type": "TEXT",
            "name": "name",
            "displayName": "Name",
            "isUnique": true,
            "defaultValue": "",
            "valueValidators": [
              {
                "type": "NON_EMPTY"
              }
            ]
          },
          {
            "type": "TEXT",
            "name": "value",
            "displayName": "Value",
            "defaultValue": ""
          }
        ]
      },
      {
        "type": "SELECT",
        "name": "storage",
        "displayName": "Where to store the session ID",
        "macrosInSelect": false,
        "simpleValueType": true,
        "selectItems": [
          {
            "value": "local",
            "displayValue": "Local storage"
          },
          {
            "value": "cookie",
            "displayValue": "Cookie of the page"
          },
          {
            "value": "server",
            "displayValue": "Cookie that the API sets (requires the API on the shop's own domain)"
          }
        ],
        "defaultValue": "local"
      },
      {
        "type": "TEXT",
        "name": "cookieDomain",
        "displayName": "Cookie domain",
        "simpleValueType": true,
        "help": "Only if it is not the page's own domain.",
        "enablingConditions": [
          {
            "paramName": "storage",
            "paramValue": "cookie",
            "type": "EQUALS"
          }
        ]
      },
      {
        "type": "CHECKBOX",
        "name": "dnt",
        "checkboxText": "Treat Do Not Track as an opt-out",
        "simpleValueType": true,
        "defaultValue": false
      },
      {
        "type": "CHECKBOX",
        "name": "gpc",
        "checkboxText": "Treat Global Privacy Control as an opt-out",
        "simpleValueType": true,
        "defaultValue": false
      }
    ],
    "enablingConditions": [
      {
        "paramName": "tagType",
        "paramValue": "start",
        "type": "EQUALS"
      }
    ]
  },
  {
    "type": "GROUP",
    "name": "consents",
    "displayName": "Consent",
    "groupStyle": "ZIPPY_OPEN",
    "subParams": [
      {
        "type": "SELECT",
        "name": "consent",
        "displayName": "Consent",
        "macrosInSelect": false,
        "simpleValueType": true,
        "selectItems": [
          {
            "value": "none",
            "displayValue": "This tag does not need consent"
          },
          {
            "value": "wait",
            "displayValue": "Wait until analytics_storage is granted"
          }
        ],
        "defaultValue": "none",
        "help": "If the tag waits, nothing is loaded, stored or sent until that consent is granted, and everything afterwards. Consent counts as granted on a page that sets no default."
      },
      {
        "type": "GROUP",
        "name": "startConsent",
        "displayName": "",
        "groupStyle": "NO_ZIPPY",
        "subParams": [
          {
            "type": "CHECKBOX",
            "name": "followConsent",
            "checkboxText": "Opt out when the consent is withdrawn, and opt in when it is granted",
            "simpleValueType": true,
            "defaultValue": false,
            "enablingConditions": [
              {
                "paramName": "consent",
                "paramValue": "wait",
                "type": "EQUALS"
              }
            ]
          },
          {
            "type": "CHECKBOX",
            "name": "optInRequired",
            "checkboxText": "The SDK waits for an opt-in tag",
            "simpleValueType": true,
            "defaultValue": false,
            "help": "Until then, it stores and sends nothing."
          }
        ],
        "enablingConditions": [
          {
            "paramName": "tagType",
            "paramValue": "start",
            "type": "EQUALS"
          }
        ]
      }
    ],
    "enablingConditions": [
      {
        "paramName": "tagType",
        "paramValue": "start",
        "type": "EQUALS"
      },
      {
        "paramName": "tagType",
        "paramValue": "event",
        "type": "EQUALS"
      },
      {
        "paramName": "tagType",
        "paramValue": "activity",
        "type": "EQUALS"
      },
      {
        "paramName": "tagType",
        "paramValue": "identify",
        "type": "EQUALS"
      },
      {
        "paramName": "tagType",
        "paramValue": "update",
        "type": "EQUALS"
      },
      {
        "paramName": "tagType",
        "paramValue": "anonymize",
        "type": "EQUALS"
      }
    ]
  }
]


___SANDBOXED_JS_FOR_WEB_TEMPLATE___

// Calls window.hardlink: the SDK if it is loaded, else a queue whose calls the SDK makes as soon as it is.

const addConsentListener = require('addConsentListener');
const callInWindow = require('callInWindow');
const copyFromWindow = require('copyFromWindow');
const createQueue = require('createQueue');
const getType = require('getType');
const injectScript = require('injectScript');
const isConsentGranted = require('isConsentGranted');
const logToConsole = require('logToConsole');
const makeNumber = require('makeNumber');
const makeString = require('makeString');
const makeTableMap = require('makeTableMap');
const Object = require('Object');
const queryPermission = require('queryPermission');
const setInWindow = require('setInWindow');

const CONSENT = 'analytics_storage';
// Placeholders that many visitors would share. The service knows more of them and refuses them too.
const PLACEHOLDERS = [
  'undefined', 'null', 'none', 'nil', 'nan', 'true', 'false', '0', '-1', 'n/a', 'notset', 'anonymous', 'guest',
  'unknown', 'id', 'user', 'email', 'distinct_id', 'not_authenticated', 'objectobject'
];
const IGNORED_CHARACTERS = '{}()<>[]"\' \t\r\n';

// -- outcome: reported to Tag Manager once for each run. Personal values are never logged. --------------

const log = (first, second) => logToConsole('Hardlink (' + data.tagType + '):', first, second || '');

let isReported = false;
const reportOutcome = callback => {
  if (isReported) return;
  isReported = true;
  callback();
};
const succeed = () => reportOutcome(data.gtmOnSuccess);
const fail = reason => {
  log(reason);
  reportOutcome(data.gtmOnFailure);
};

// -- values of the fields -------------------------------------------------------------------------

// A string or number as trimmed text; anything else is empty.
const toText = value => getType(value) === 'string' || getType(value) === 'number' ? makeString(value).trim() : '';

const isEmpty = value =>
  value === undefined || value === null || value !== value || (getType(value) === 'string' && !value.trim());

const withoutEmpty = values => {
  const kept = {};
  Object.keys(values).forEach(name => {
    if (name.trim() && !isEmpty(values[name])) kept[name.trim()] = values[name];
  });
  return kept;
};

const readTable = rows => withoutEmpty(makeTableMap(rows || [], 'name', 'value') || {});
const count = values => Object.keys(values).length;
const undefinedIfEmpty = values => count(values) ? values : undefined;

const isPlaceholder = id => {
  const characters = id.toLowerCase().split('').filter(character => IGNORED_CHARACTERS.indexOf(character) < 0);
  const isZero = characters.every(character => '0-.'.indexOf(character) >= 0);
  return isZero || PLACEHOLDERS.indexOf(characters.join('')) >= 0;
};

// The session ID and the other identities. A sessionId in the table names the visitor's session, as in Attraqt XO.
const readIdentities = () => {
  const visitor = {session: undefined, ids: {}};
  const add = (type, value) => {
    const id = toText(value);
    if (isPlaceholder(id)) log('identity omitted, because its value is empty or a placeholder:', type);
    else if (type.toLowerCase() === 'sessionid') visitor.session = id;
    else visitor.ids[type] = id;
  };
  const identities = readTable(data.identities);
  Object.keys(identities).forEach(type => add(type, identities[type]));
  if (!isEmpty(data.sessionId)) add('sessionId', data.sessionId);
  return visitor;
};

const readProperties = () => {
  const properties = withoutEmpty(getType(data.propertiesObject) === 'object' ? data.propertiesObject : {});
  const rows = readTable(data.properties);
  Object.keys(rows).forEach(name => {
    properties[name] = rows[name];
  });
  return properties;
};

const withStrings = values => {
  const strings = {};
  Object.keys(values).forEach(name => {
    strings[name] = makeString(values[name]);
  });
  return strings;
};

// Attraqt XO calculates with price and quantity, but a constant in a table is a string.
const withNumbers = values => {
  ['price', 'quantity'].forEach(name => {
    const number = makeNumber(values[name]);
    if (number === number) values[name] = number;
  });
  return values;
};

// A list of segments; or segments with true or false, if the visitor left one of them.
const readSegments = rows => {
  const segments = readTable(rows);
  const names = Object.keys(segments);
  names.forEach(name => {
    segments[name] = ['false', '0', 'no'].indexOf(makeString(segments[name]).trim().toLowerCase()) < 0;
  });
  return names.every(name => segments[name]) ? names : segments;
};

const toList = value => {
  const items = getType(value) === 'array' ? value : makeString(isEmpty(value) ? '' : value).split(',');
  return items.map(toText).filter(item => item !== '');
};

const withoutSlash = url => url.slice(-1) === '/' ? withoutSlash(url.slice(0, -1)) : url;

// -- calling the SDK ------------------------------------------------------------------------------

const isLoaded = () => getType(copyFromWindow('hardlink.version')) === 'string';

// Whether the loaded SDK has the adapter for Attraqt XO: a page that loads the SDK itself may have omitted it.
const hasXoAdapter = () => getType(copyFromWindow('hardlink.xo.send')) === 'function';

const callSdk = (path, first, second) => {
  if (isLoaded()) {
    if (path.indexOf('xo.') === 0 && !hasXoAdapter())
      return fail('the page has loaded the SDK without its adapter for Attraqt XO: load sdk.js?with=xo');
    callInWindow('hardlink.' + path, first, second);
    return;
  }
  setInWindow('hardlink', {q: []}, false);
  createQueue('hardlink.q')({
    path: path.split('.'),
    args: [first, second],
    resolve: () => {},
    reject: () => log('the call failed:', path)
  });
};

const setSession = visitor => {
  if (visitor.session) callSdk('xo.addUserIdentity', 'sessionId', visitor.session);
};

// -- tag types ------------------------------------------------------------------------------------

const followsConsent = () => data.consent === 'wait' && data.followConsent;

const buildConfig = ids => withoutEmpty({
  token: toText(data.writeKey),
  target: withoutSlash(toText(data.url)),
  customer: undefinedIfEmpty(ids),
  track: {visits: !!data.visits, default_properties: readTable(data.defaultProperties)},
  ping: {enabled: !!data.ping},
  consent: data.optInRequired ? 'required' : undefined,
  dnt: !!data.dnt,
  gpc: !!data.gpc,
  storage: data.storage,
  cookieDomain: data.storage === 'cookie' ? data.cookieDomain : undefined
});

const ACTIONS = {
  start: () => {
    const visitor = readIdentities();
    const config = buildConfig(visitor.ids);
    const script = config.target + '/sdk.js?with=xo';
    if (!config.token) return fail('enter the write key');
    const lacksAdapter = isLoaded() && !hasXoAdapter();
    const needsScript = lacksAdapter || !isLoaded();
    if (needsScript && !queryPermission('inject_script', script))
      return fail('the API URL must be https://<host>, and the template must be permitted to load <API URL>/sdk.js');
    const onLoaded = () => {
      if (lacksAdapter) setSession(visitor);
      succeed();
    };
    callSdk('start', config);
    if (!lacksAdapter) setSession(visitor);
    if (followsConsent()) callSdk('optIn');
    if (needsScript) injectScript(script, onLoaded, () => fail('the SDK could not be loaded from the API URL'), 'hardlink');
    else succeed();
  },

  event: () => {
    const type = toText(data.eventType);
    if (!type) return fail('enter the type of the event');
    const visitor = readIdentities();
    setSession(visitor);
    if (count(visitor.ids)) callSdk('identify', visitor.ids);
    callSdk('track', type, readProperties());
    succeed();
  },

  activity: () => {
    const action = toText(data.action);
    if (!action) return fail('enter the action');
    const visitor = readIdentities();
    const traits = readTable(data.traits);
    const userSegments = readSegments(data.segments);
    const activitySegments = toList(data.activitySegments);
    setSession(visitor);
    Object.keys(visitor.ids).forEach(type => callSdk('xo.addUserIdentity', type, visitor.ids[type]));
    if (count(userSegments)) callSdk('xo.setUserSegments', userSegments);
    if (count(traits)) callSdk('xo.setUserTraits', traits);
    callSdk('xo.send', withoutEmpty({
      action: action,
      target: withStrings(readTable(data.target)),
      sourceId: toText(data.sourceId),
      metadata: undefinedIfEmpty(withNumbers(readTable(data.metadata))),
      segments: activitySegments.length ? activitySegments : undefined
    }));
    succeed();
  },

  identify: () => {
    const visitor = readIdentities();
    setSession(visitor);
    if (count(visitor.ids)) callSdk('identify', visitor.ids, undefinedIfEmpty(readTable(data.attributes)));
    else log('identify is not called: no identity has a value');
    succeed();
  },

  update: () => {
    const attributes = readTable(data.attributes);
    if (count(attributes)) callSdk('update', attributes);
    else log('update is not called: no attribute has a value');
    succeed();
  },

  anonymize: () => {
    callSdk('anonymize');
    succeed();
  },
  optIn: () => {
    callSdk('optIn');
    succeed();
  },
  optOut: () => {
    callSdk('optOut');
    succeed();
  }
};

// -- run the tag, after consent where it is needed ------------------------------------------------

const run = ACTIONS[data.tagType] || (() => fail('choose a tag type'));
const setsConsent = data.tagType === 'optIn' || data.tagType === 'optOut';

if (setsConsent || data.consent !== 'wait') {
  run();
} else {
  let hasRun = isConsentGranted(CONSENT);
  if (hasRun) run();
  if (!hasRun || data.tagType === 'start' && followsConsent()) {
    addConsentListener(CONSENT, (consent, granted) => {
      if (granted && !hasRun) {
        hasRun = true;
        run();
      } else if (hasRun && data.tagType === 'start' && followsConsent()) {
        callSdk(granted ? 'optIn' : 'optOut');
      }
    });
  }
  if (!hasRun) {
    log('waiting for consent:', CONSENT);
    succeed();
  }
}


___WEB_PERMISSIONS___

[
  {
    "instance": {
      "key": {
        "publicId": "access_consent",
        "versionId": "1"
      },
      "param": [
        {
          "key": "consentTypes",
          "value": {
            "type": 2,
            "listItem": [
              {
                "type": 3,
                "mapKey": [
                  {
                    "type": 1,
                    "string": "consentType"
                  },
                  {
                    "type": 1,
                    "string": "read"
                  },
                  {
                    "type": 1,
                    "string": "write"
                  }
                ],
                "mapValue": [
                  {
                    "type": 1,
                    "string": "analytics_storage"
                  },
                  {
                    "type": 8,
                    "boolean": true
                  },
                  {
                    "type": 8,
                    "boolean": false
                  }
                ]
              }
            ]
          }
        }
      ]
    },
    "clientAnnotations": {
      "isEditedByUser": true
    },
    "isRequired": true
  },
  {
    "instance": {
      "key": {
        "publicId": "access_globals",
        "versionId": "1"
      },
      "param": [
        {
          "key": "keys",
          "value": {
            "type": 2,
            "listItem": [
              {
                "type": 3,
                "mapKey": [
                  {
                    "type": 1,
                    "string": "key"
                  },
                  {
                    "type": 1,
                    "string": "read"
                  },
                  {
                    "type": 1,
                    "string": "write"
                  },
                  {
                    "type": 1,
                    "string": "execute"
                  }
                ],
                "mapValue": [
                  {
                    "type": 1,
                    "string": "hardlink"
                  },
                  {
                    "type": 8,
                    "boolean": true
                  },
                  {
                    "type": 8,
                    "boolean": true
                  },
                  {
                    "type": 8,
                    "boolean": false
                  }
                ]
              },
              {
                "type": 3,
                "mapKey": [
                  {
                    "type": 1,
                    "string": "key"
                  },
                  {
                    "type": 1,
                    "string": "read"
                  },
                  {
                    "type": 1,
                    "string": "write"
                  },
                  {
                    "type": 1,
                    "string": "execute"
                  }
                ],
                "mapValue": [
                  {
                    "type": 1,
                    "string": "hardlink.q"
                  },
                  {
                    "type": 8,
                    "boolean": true
                  },
                  {
                    "type": 8,
                    "boolean": true
                  },
                  {
                    "type": 8,
                    "boolean": false
                  }
                ]
              },
              {
                "type": 3,
                "mapKey": [
                  {
                    "type": 1,
                    "string": "key"
                  },
                  {
                    "type": 1,
                    "string": "read"
                  },
                  {
                    "type": 1,
                    "string": "write"
                  },
                  {
                    "type": 1,
                    "string": "execute"
                  }
                ],
                "mapValue": [
                  {
                    "type": 1,
                    "string": "hardlink.version"
                  },
                  {
                    "type": 8,
                    "boolean": true
                  },
                  {
                    "type": 8,
                    "boolean": false
                  },
                  {
                    "type": 8,
                    "boolean": false
                  }
                ]
              },
              {
                "type": 3,
                "mapKey": [
                  {
                    "type": 1,
                    "string": "key"
                  },
                  {
                    "type": 1,
                    "string": "read"
                  },
                  {
                    "type": 1,
                    "string": "write"
                  },
                  {
                    "type": 1,
                    "string": "execute"
                  }
                ],
                "mapValue": [
                  {
                    "type": 1,
                    "string": "hardlink.start"
                  },
                  {
                    "type": 8,
                    "boolean": false
                  },
                  {
                    "type": 8,
                    "boolean": false
                  },
                  {
                    "type": 8,
                    "boolean": true
                  }
                ]
              },
              {
                "type": 3,
                "mapKey": [
                  {
                    "type": 1,
                    "string": "key"
                  },
                  {
                    "type": 1,
                    "string": "read"
                  },
                  {
                    "type": 1,
                    "string": "write"
                  },
                  {
                    "type": 1,
                    "string": "execute"
                  }
                ],
                "mapValue": [
                  {
                    "type": 1,
                    "string": "hardlink.track"
                  },
                  {
                    "type": 8,
                    "boolean": false
                  },
                  {
                    "type": 8,
                    "boolean": false
                  },
                  {
                    "type": 8,
                    "boolean": true
                  }
                ]
              },
              {
                "type": 3,
                "mapKey": [
                  {
                    "type": 1,
                    "string": "key"
                  },
                  {
                    "type": 1,
                    "string": "read"
                  },
                  {
                    "type": 1,
                    "string": "write"
                  },
                  {
                    "type": 1,
                    "string": "execute"
                  }
                ],
                "mapValue": [
                  {
                    "type": 1,
                    "string": "hardlink.identify"
                  },
                  {
                    "type": 8,
                    "boolean": false
                  },
                  {
                    "type": 8,
                    "boolean": false
                  },
                  {
                    "type": 8,
                    "boolean": true
                  }
                ]
              },
              {
                "type": 3,
                "mapKey": [
                  {
                    "type": 1,
                    "string": "key"
                  },
                  {
                    "type": 1,
                    "string": "read"
                  },
                  {
                    "type": 1,
                    "string": "write"
                  },
                  {
                    "type": 1,
                    "string": "execute"
                  }
                ],
                "mapValue": [
                  {
                    "type": 1,
                    "string": "hardlink.update"
                  },
                  {
                    "type": 8,
                    "boolean": false
                  },
                  {
                    "type": 8,
                    "boolean": false
                  },
                  {
                    "type": 8,
                    "boolean": true
                  }
                ]
              },
              {
                "type": 3,
                "mapKey": [
                  {
                    "type": 1,
                    "string": "key"
                  },
                  {
                    "type": 1,
                    "string": "read"
                  },
                  {
                    "type": 1,
                    "string": "write"
                  },
                  {
                    "type": 1,
                    "string": "execute"
                  }
                ],
                "mapValue": [
                  {
                    "type": 1,
                    "string": "hardlink.anonymize"
                  },
                  {
                    "type": 8,
                    "boolean": false
                  },
                  {
                    "type": 8,
                    "boolean": false
                  },
                  {
                    "type": 8,
                    "boolean": true
                  }
                ]
              },
              {
                "type": 3,
                "mapKey": [
                  {
                    "type": 1,
                    "string": "key"
                  },
                  {
                    "type": 1,
                    "string": "read"
                  },
                  {
                    "type": 1,
                    "string": "write"
                  },
                  {
                    "type": 1,
                    "string": "execute"
                  }
                ],
                "mapValue": [
                  {
                    "type": 1,
                    "string": "hardlink.optIn"
                  },
                  {
                    "type": 8,
                    "boolean": false
                  },
                  {
                    "type": 8,
                    "boolean": false
                  },
                  {
                    "type": 8,
                    "boolean": true
                  }
                ]
              },
              {
                "type": 3,
                "mapKey": [
                  {
                    "type": 1,
                    "string": "key"
                  },
                  {
                    "type": 1,
                    "string": "read"
                  },
                  {
                    "type": 1,
                    "string": "write"
                  },
                  {
                    "type": 1,
                    "string": "execute"
                  }
                ],
                "mapValue": [
                  {
                    "type": 1,
                    "string": "hardlink.optOut"
                  },
                  {
                    "type": 8,
                    "boolean": false
                  },
                  {
                    "type": 8,
                    "boolean": false
                  },
                  {
                    "type": 8,
                    "boolean": true
                  }
                ]
              },
              {
                "type": 3,
                "mapKey": [
                  {
                    "type": 1,
                    "string": "key"
                  },
                  {
                    "type": 1,
                    "string": "read"
                  },
                  {
                    "type": 1,
                    "string": "write"
                  },
                  {
                    "type": 1,
                    "string": "execute"
                  }
                ],
                "mapValue": [
                  {
                    "type": 1,
                    "string": "hardlink.xo.addUserIdentity"
                  },
                  {
                    "type": 8,
                    "boolean": false
                  },
                  {
                    "type": 8,
                    "boolean": false
                  },
                  {
                    "type": 8,
                    "boolean": true
                  }
                ]
              },
              {
                "type": 3,
                "mapKey": [
                  {
                    "type": 1,
                    "string": "key"
                  },
                  {
                    "type": 1,
                    "string": "read"
                  },
                  {
                    "type": 1,
                    "string": "write"
                  },
                  {
                    "type": 1,
                    "string": "execute"
                  }
                ],
                "mapValue": [
                  {
                    "type": 1,
                    "string": "hardlink.xo.setUserSegments"
                  },
                  {
                    "type": 8,
                    "boolean": false
                  },
                  {
                    "type": 8,
                    "boolean": false
                  },
                  {
                    "type": 8,
                    "boolean": true
                  }
                ]
              },
              {
                "type": 3,
                "mapKey": [
                  {
                    "type": 1,
                    "string": "key"
                  },
                  {
                    "type": 1,
                    "string": "read"
                  },
                  {
                    "type": 1,
                    "string": "write"
                  },
                  {
                    "type": 1,
                    "string": "execute"
                  }
                ],
                "mapValue": [
                  {
                    "type": 1,
                    "string": "hardlink.xo.setUserTraits"
                  },
                  {
                    "type": 8,
                    "boolean": false
                  },
                  {
                    "type": 8,
                    "boolean": false
                  },
                  {
                    "type": 8,
                    "boolean": true
                  }
                ]
              },
              {
                "type": 3,
                "mapKey": [
                  {
                    "type": 1,
                    "string": "key"
                  },
                  {
                    "type": 1,
                    "string": "read"
                  },
                  {
                    "type": 1,
                    "string": "write"
                  },
                  {
                    "type": 1,
                    "string": "execute"
                  }
                ],
                "mapValue": [
                  {
                    "type": 1,
                    "string": "hardlink.xo.send"
                  },
                  {
                    "type": 8,
                    "boolean": true
                  },
                  {
                    "type": 8,
                    "boolean": false
                  },
                  {
                    "type": 8,
                    "boolean": true
                  }
                ]
              }
            ]
          }
        }
      ]
    },
    "clientAnnotations": {
      "isEditedByUser": true
    },
    "isRequired": true
  },
  {
    "instance": {
      "key": {
        "publicId": "inject_script",
        "versionId": "1"
      },
      "param": [
        {
          "key": "urls",
          "value": {
            "type": 2,
            "listItem": [
              {
                "type": 1,
                "string": "https://*/sdk.js*"
              }
            ]
          }
        }
      ]
    },
    "clientAnnotations": {
      "isEditedByUser": true
    },
    "isRequired": true
  },
  {
    "instance": {
      "key": {
        "publicId": "logging",
        "versionId": "1"
      },
      "param": [
        {
          "key": "environments",
          "value": {
            "type": 1,
            "string": "debug"
          }
        }
      ]
    },
    "clientAnnotations": {
      "isEditedByUser": true
    },
    "isRequired": true
  }
]


___TESTS___

scenarios:
- name: A start tag loads the SDK and identifies the customer
  code: |-
    runCode({
      tagType: 'start', url: 'https://api.shop.example/', writeKey: 'web-key', consent: 'none', visits: true,
      storage: 'local', identities: [{name: 'ecommerceid', value: 'E-1'}, {name: 'userid', value: 'undefined'}]
    });
    assertThat(injected).isEqualTo(['https://api.shop.example/sdk.js?with=xo']);
    assertThat(queued.length).isEqualTo(1);
    assertThat(queued[0].path).isEqualTo(['start']);
    assertThat(queued[0].args[0].token).isEqualTo('web-key');
    assertThat(queued[0].args[0].target).isEqualTo('https://api.shop.example');
    assertThat(queued[0].args[0].customer).isEqualTo({ecommerceid: 'E-1'});
    assertThat(queued[0].args[0].track.visits).isTrue();
    assertApi('gtmOnSuccess').wasNotCalled();
    loaded();
    assertApi('gtmOnSuccess').wasCalled();
    assertApi('gtmOnFailure').wasNotCalled();
- name: A start tag fails if the SDK cannot be loaded
  code: |-
    runCode({tagType: 'start', url: 'https://api.shop.example', writeKey: 'web-key', consent: 'none'});
    failed();
    assertApi('gtmOnFailure').wasCalled();
    assertApi('gtmOnSuccess').wasNotCalled();
- name: A start tag fails without a write key, or with a URL that it may not load
  code: |-
    runCode({tagType: 'start', url: 'https://api.shop.example', consent: 'none'});
    mock('queryPermission', false);
    runCode({tagType: 'start', url: 'http://api.shop.example', writeKey: 'web-key', consent: 'none'});
    assertApi('gtmOnFailure').wasCalled();
    assertApi('gtmOnSuccess').wasNotCalled();
    assertApi('injectScript').wasNotCalled();
    assertThat(queued).isEqualTo([]);
- name: An event tag identifies, then tracks, and omits empty values
  code: |-
    runCode({
      tagType: 'event', eventType: 'purchase', consent: 'none',
      identities: [{name: 'registered', value: 'gordon@blackmesa.com'}, {name: 'crm', value: ''}],
      properties: [{name: 'total', value: 12}, {name: 'coupon', value: undefined}, {name: 'gift', value: false},
        {name: 'discount', value: 0 / 0}]
    });
    assertThat(queued.map(call => call.path)).isEqualTo([['identify'], ['track']]);
    assertThat(queued[0].args[0]).isEqualTo({registered: 'gordon@blackmesa.com'});
    assertThat(queued[1].args).isEqualTo(['purchase', {total: 12, gift: false}]);
    assertApi('gtmOnSuccess').wasCalled();
- name: An activity tag sets identities, segments and traits before it sends the activity
  code: |-
    runCode({
      tagType: 'activity', action: 'view', consent: 'none', sessionId: 'S-1', activitySegments: 'sale, new',
      identities: [{name: 'ecommerceid', value: 42}],
      segments: [{name: 'vip', value: 'true'}],
      traits: [{name: 'age', value: '45'}],
      target: [{name: 'product', value: 123}],
      metadata: [{name: 'price', value: '1999'}, {name: 'currency', value: 'EUR'}]
    });
    assertThat(queued.map(call => call.path.join('.'))).isEqualTo([
      'xo.addUserIdentity', 'xo.addUserIdentity', 'xo.setUserSegments', 'xo.setUserTraits', 'xo.send'
    ]);
    assertThat(queued[0].args[0]).isEqualTo('sessionId');
    assertThat(queued[0].args[1]).isEqualTo('S-1');
    assertThat(queued[1].args[1]).isEqualTo('42');
    assertThat(queued[2].args[0]).isEqualTo(['vip']);
    assertThat(queued[3].args[0]).isEqualTo({age: '45'});
    assertThat(queued[4].args[0]).isEqualTo({
      action: 'view', target: {product: '123'}, metadata: {price: 1999, currency: 'EUR'}, segments: ['sale', 'new']
    });
- name: Placeholder identities are not sent
  code: |-
    runCode({
      tagType: 'identify', consent: 'none',
      identities: [{name: 'registered', value: 'undefined'}, {name: 'crm', value: '0'}, {name: 'shop'}],
      attributes: [{name: 'first_name', value: 'Gordon'}]
    });
    assertThat(queued).isEqualTo([]);
    assertApi('gtmOnSuccess').wasCalled();
- name: A loaded SDK is called directly
  code: |-
    mock('copyFromWindow', '1.0.0');
    runCode({tagType: 'update', consent: 'none', attributes: [{name: 'first_name', value: 'Gordon'}]});
    assertThat(called).isEqualTo([{path: 'hardlink.update', first: {first_name: 'Gordon'}}]);
    assertApi('createQueue').wasNotCalled();
    assertApi('gtmOnSuccess').wasCalled();
- name: Nothing is sent before consent, and everything once afterwards
  code: |-
    mock('isConsentGranted', false);
    runCode({tagType: 'event', eventType: 'view', consent: 'wait'});
    assertThat(queued).isEqualTo([]);
    assertApi('setInWindow').wasNotCalled();
    assertApi('gtmOnSuccess').wasCalled();
    decided('analytics_storage', false);
    assertThat(queued).isEqualTo([]);
    decided('analytics_storage', true);
    decided('analytics_storage', false);
    decided('analytics_storage', true);
    assertThat(queued.map(call => call.path)).isEqualTo([['track']]);
- name: A start tag can opt in and out with the consent
  code: |-
    mock('isConsentGranted', false);
    runCode({
      tagType: 'start', url: 'https://api.shop.example', writeKey: 'web-key', consent: 'wait', followConsent: true
    });
    decided('analytics_storage', false);
    assertThat(queued).isEqualTo([]);
    assertApi('injectScript').wasNotCalled();
    decided('analytics_storage', true);
    assertThat(queued.map(call => call.path)).isEqualTo([['start'], ['optIn']]);
    decided('analytics_storage', false);
    assertThat(queued.map(call => call.path)).isEqualTo([['start'], ['optIn'], ['optOut']]);
- name: An opt-out does not wait for consent
  code: |-
    mock('isConsentGranted', false);
    runCode({tagType: 'optOut', consent: 'wait'});
    assertThat(queued.map(call => call.path)).isEqualTo([['optOut']]);
    assertApi('gtmOnSuccess').wasCalled();
- name: A tag without a required field fails
  code: |-
    runCode({consent: 'none'});
    runCode({tagType: 'event', consent: 'none', eventType: ' '});
    runCode({tagType: 'activity', consent: 'none'});
    assertApi('gtmOnFailure').wasCalled();
    assertApi('gtmOnSuccess').wasNotCalled();
    assertThat(queued).isEqualTo([]);
setup: |-
  const queued = [];
  const called = [];
  const injected = [];
  let loaded;
  let failed;
  let decided;
  mock('copyFromWindow', undefined);
  mock('setInWindow', true);
  mock('createQueue', () => call => {
    queued.push(call);
  });
  mock('callInWindow', (path, first) => {
    called.push({path: path, first: first});
  });
  mock('injectScript', (url, success, failure) => {
    injected.push(url);
    loaded = success;
    failed = failure;
  });
  mock('addConsentListener', (type, listener) => {
    decided = listener;
  });


___NOTES___

One start tag loads and starts the SDK on all pages. Every other tag makes one call whenever its trigger fires. Calls that are
made before the SDK is loaded wait in the page, in order, until it has started. Without a start tag, nothing is sent.

A tag succeeds as soon as it has handed its call to the SDK or the queue, a start tag as soon as the SDK is loaded, and a tag
that waits for consent immediately. A tag fails if a required field is empty, or if the SDK cannot be loaded.

The permission "Injects scripts" allows any host, because the host is yours. Restrict it to your API, for example
https://api.shop.example/sdk.js*

If you use your own session ID: on a visitor's first page, the SDK tracks its automatic events before it knows your ID, under a
session of its own. If that matters, disable "Track page visits" and send page visits with event tags.
